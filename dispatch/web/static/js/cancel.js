// Giving a ride up by its short code and something that only its rider knows.

import { t } from "./config.js";
import { announce, busy, byId, fieldError, show } from "./dom.js";
import { cancelByCode } from "./desk-api.js";

const CODE = /^[A-Z0-9]{4,12}$/;
const FOUR_DIGITS = /^\d{4}$/;

/** Four digits are the end of a phone number; anything else is a name. */
const proofOf = (text) => (FOUR_DIGITS.test(text) ? { phone_digits: text } : { name: text });

function input() {
  const code = byId("code").value.replace(/[\s-]/g, "").toUpperCase();
  const proof = byId("proof").value.trim();
  fieldError("code", CODE.test(code) ? "" : t(code ? "cancel.code_wrong" : "cancel.code_missing"));
  // Digits, but not four: nobody is called that, so it is better said than counted as an attempt.
  const digits = /^[\d\s/+-]+$/.test(proof) && !FOUR_DIGITS.test(proof);
  fieldError("proof", proof && !digits ? "" : t(proof ? "cancel.proof_digits" : "cancel.proof_missing"));
  const wrong = document.querySelector('[aria-invalid="true"]');
  wrong?.focus();
  return wrong ? null : { code, proof: proofOf(proof) };
}

function done({ code, cancelled_late: late }) {
  show(byId("give-up"), false);
  byId("title").textContent = t("cancel.done");
  const text = [t("cancel.done_text", { code }), late && t("cancel.done_late")];
  announce(byId("message"), text.filter(Boolean).join(" "), "good");
  byId("onward").textContent = t("ride.another");
  byId("title").focus();
}

async function send(event) {
  event.preventDefault();
  announce(byId("message"), "");
  const given = input();
  if (!given) return;
  busy(byId("send"), true);
  try {
    done(await cancelByCode(given.code, given.proof));
  } catch (error) {
    const unknown = error.code === "not_confirmed";
    const locked = error.code === "too_many_attempts" ? `${error.problem.title}. ` : "";
    announce(byId("message"), unknown ? t("cancel.not_found") : `${locked}${error.message}`);
    byId("message").scrollIntoView({ block: "nearest" });
    if (unknown) byId("code").focus();
  } finally {
    busy(byId("send"), false);
  }
}

byId("give-up").addEventListener("submit", send);
document.documentElement.dataset.ready = "true";
