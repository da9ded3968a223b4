// Talks to API v1. Every command carries an idempotency key, so that a retry cannot book twice.

import { language, t } from "./config.js";

const RETRY_STATUS = new Set([502, 503, 504]);
const RETRIES = 3;
const TIMEOUT_MS = 20000;

/** An answer other than success: `code` is stable, the message is for people. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || t("error.network"));
    this.status = status;
    this.code = problem.code || "network";
    this.problem = problem;
  }
}

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Ask once; a body is sent as JSON. */
export async function once(method, path, headers, body, timeoutMs = TIMEOUT_MS) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch {
    throw new ApiError(0, {});
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, answer);
  return answer;
}

/** Ask, and ask again with the same key while the service is out of reach. */
export async function call(method, path, body, key = newKey()) {
  const headers = { Accept: "application/json", "Accept-Language": language };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["Idempotency-Key"] = key;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await once(method, path, headers, body);
    } catch (error) {
      const again = error.status === 0 || RETRY_STATUS.has(error.status);
      if (!again || attempt >= RETRIES) throw error;
      await pause(500 * 2 ** attempt);
    }
  }
}

export const ROOT = "/api/v1";

export const api = {
  service: () => call("GET", `${ROOT}/service`),
  stops: () => call("GET", `${ROOT}/stops`),
  requestRide: (wish) => call("POST", `${ROOT}/ride-requests`, wish),
  book: (offerId, contact) => call("POST", `${ROOT}/bookings`, { offer_id: offerId, contact }),
  booking: (id) => call("GET", `${ROOT}/bookings/${encodeURIComponent(id)}`),
  cancel: (id) => call("DELETE", `${ROOT}/bookings/${encodeURIComponent(id)}`),
  fleet: () => call("GET", `${ROOT}/fleet`),
  plan: () => call("GET", `${ROOT}/plan`),
  closures: () => call("GET", `${ROOT}/closures`),
  alerts: () => call("GET", `${ROOT}/alerts`),
  acknowledge: (id) => call("POST", `${ROOT}/alerts/${encodeURIComponent(id)}/acknowledge`),
  signIn: (token) => call("POST", "/control/session", { token }),
  signOut: () => call("DELETE", "/control/session"),
};
