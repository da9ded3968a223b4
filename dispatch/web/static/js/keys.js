// Choosing by number: in a list of choices, 1 is the first, arrows walk. Only while the focus is in it,
// so that nobody who types a house number takes an offer.

const STEP = { ArrowDown: 1, ArrowUp: -1 };
const plain = (event) => !event.ctrlKey && !event.altKey && !event.metaKey;

/**
 * Let the buttons of a list be chosen by keys.
 *
 * @param {Element} root   what has to have the focus inside
 * @param {HTMLElement[]} buttons   the choices in order
 * @param {Object<string, function(number): void>} more   what further keys do, given the index of
 *   the choice in focus (-1 = none)
 * @param {AbortSignal} signal   ends it
 */
export function numbered(root, buttons, more = {}, signal = undefined) {
  root.addEventListener("keydown", (event) => {
    if (!plain(event) || event.repeat) return;
    const here = buttons.findIndex((button) => button === document.activeElement);
    const chosen = buttons[Number(event.key) - 1];
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (/^[1-9]$/.test(event.key) && chosen) chosen.click();
    else if (STEP[event.key] && buttons.length) {
      const next = here < 0 && STEP[event.key] < 0 ? buttons.length - 1 : here + STEP[event.key];
      buttons[(next + buttons.length) % buttons.length].focus();
    } else if (more[key]) more[key](here);
    else return;
    event.preventDefault();
  }, { signal });
}
