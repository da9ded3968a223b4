// How the rider of a booking is told: by which channel, in which language, on this device.

import { call, ROOT } from "./api.js";
import { t } from "./config.js";
import { announce, busy, byId, el, show } from "./dom.js";

const WORKER = "/push-worker.js";

let at = "";
let wanted = null;

const say = (text, tone = "bad") => announce(byId("news-message"), text, tone);
const canPush = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

function draw(answer) {
  wanted = answer;
  const usual = t("ride.news.usual", { channel: t(`ride.news.by.${answer.effective}`) });
  const options = answer.available.map((each) => el("option", { value: each }, t(`ride.news.by.${each}`)));
  const select = byId("news-channel");
  select.replaceChildren(el("option", { value: "" }, answer.channel ? t("ride.news.any") : usual), ...options);
  select.value = answer.channel ?? "";
  byId("news-language").value = answer.language;
  show(byId("news"));
}

async function change(wish) {
  say("");
  try {
    draw(await call("PATCH", `${at}/notifications`, wish));
    say(t("ride.news.kept"), "good");
  } catch (error) {
    say(error.message);
    if (wanted) draw(wanted);
  }
}

function drawPush(on) {
  byId("news-push").setAttribute("aria-pressed", String(on));
  byId("news-push").textContent = t(on ? "ride.news.push_off" : "ride.news.push_on");
}

const bytesOf = (base64url) =>
  Uint8Array.from(atob(base64url.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));

async function subscribe(key) {
  if ((await Notification.requestPermission()) !== "granted") throw new Error(t("ride.news.push_denied"));
  const { pushManager } = await navigator.serviceWorker.register(WORKER).then(() => navigator.serviceWorker.ready);
  const options = { userVisibleOnly: true, applicationServerKey: bytesOf(key) };
  const found = await pushManager.subscribe(options).catch(() => {
    throw new Error(t("ride.news.push_failed"));
  });
  const { endpoint, keys } = found.toJSON();
  draw(await call("PUT", `${at}/push-subscription`, { endpoint, keys }));
  return found;
}

async function unsubscribe(subscription) {
  await call("DELETE", `${at}/push-subscription`, { endpoint: subscription.endpoint });
  await subscription.unsubscribe();
  draw(await call("GET", `${at}/notifications`));
  return null;
}

/** Offer pushes to this device, where the service sends them and the browser shows them. */
async function offerPush() {
  if (!canPush()) return;
  const key = await call("GET", `${ROOT}/push-key`).catch(() => null);
  if (!key) return;
  const known = await navigator.serviceWorker.getRegistration(WORKER);
  let subscription = (await known?.pushManager.getSubscription()) ?? null;
  const button = byId("news-push");
  drawPush(Boolean(subscription) && wanted.push_subscriptions > 0);
  show(button);
  button.addEventListener("click", async () => {
    say("");
    busy(button, true);
    try {
      const on = button.getAttribute("aria-pressed") === "true";
      subscription = on ? await unsubscribe(subscription) : await subscribe(key.public_key);
      drawPush(Boolean(subscription));
      say(t("ride.news.kept"), "good");
    } catch (error) {
      say(error.message);
    } finally {
      busy(button, false);
    }
  });
}

/** Show how the rider is told; nothing where that cannot be known any more. */
export async function showNews(bookingId) {
  at = `${ROOT}/bookings/${encodeURIComponent(bookingId)}`;
  try {
    draw(await call("GET", `${at}/notifications`));
  } catch {
    return;
  }
  byId("news-channel").addEventListener("change", () => change({ channel: byId("news-channel").value || null }));
  byId("news-language").addEventListener("change", () => change({ language: byId("news-language").value }));
  await offerPush();
}
