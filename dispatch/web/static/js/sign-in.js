// Exchanges an access token for the control room's session cookie, which scripts cannot read.

import { api } from "./api.js";
import { t } from "./config.js";
import { busy, byId, fieldError } from "./dom.js";

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  const token = byId("token").value.trim();
  if (!token) {
    fieldError("token", t("control.token_missing"));
    byId("token").focus();
    return;
  }
  busy(button, true);
  try {
    await api.signIn(token);
    location.reload();
  } catch (error) {
    busy(button, false);
    const wrong = error.status === 401 || error.status === 403;
    fieldError("token", wrong ? t("control.token_wrong") : error.message);
    byId("token").focus();
  }
});

// A link may carry the token behind `#`, which browsers do not send; it must not stay in view.
const carried = new URLSearchParams(location.hash.slice(1)).get("token");
if (carried) {
  history.replaceState(null, "", location.pathname);
  byId("token").value = carried;
  byId("sign-in").requestSubmit();
}
