// One call: how long it has taken, and what was typed in it, kept in this tab only.

const KEY = "rufbus.call";
const TICK_MS = 1000;
const SECOND_MS = 1000;
const KEEP_MS = 30 * 60000;

/** Shows `0:24` since the first thing that was typed. */
export class CallClock {
  startedAt = 0;
  #stoppedAt = 0;
  #output;
  #box;

  constructor(output, box) {
    this.#output = output;
    this.#box = box;
    setInterval(() => this.#draw(), TICK_MS);
  }

  /** Begin, if it has not begun; go on, if it was stopped. */
  run(startedAt = Date.now()) {
    if (!this.startedAt) this.startedAt = startedAt;
    this.#stoppedAt = 0;
    this.#draw();
  }

  /** What was to be done is done. */
  stop() {
    if (this.startedAt && !this.#stoppedAt) this.#stoppedAt = Date.now();
    this.#draw();
  }

  reset() {
    this.startedAt = 0;
    this.#stoppedAt = 0;
    this.#draw();
  }

  #draw() {
    const until = this.#stoppedAt || Date.now();
    const seconds = this.startedAt ? Math.max(0, Math.floor((until - this.startedAt) / SECOND_MS)) : 0;
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (this.#output.textContent !== text) this.#output.textContent = text;
    this.#box.classList.toggle("done", Boolean(this.#stoppedAt));
    this.#box.classList.toggle("running", Boolean(this.startedAt && !this.#stoppedAt));
  }
}

export function keepCall(call) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(call));
  } catch {
    // Without storage only a reload loses what was typed.
  }
}

export function forgetCall() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
}

/** What was typed before a reload, unless that is long ago. */
export function keptCall() {
  try {
    const call = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    return call && Date.now() - call.startedAt < KEEP_MS ? call : null;
  } catch {
    return null;
  }
}
