// Remembers on this device which ride was booked, so that its page is found again.

const KEY = "rufbus.ride";
const KEEP_MS = 3 * 3600 * 1000;

export function remember(booking) {
  try {
    const pickup = booking.promise.pickup_window[0];
    localStorage.setItem(KEY, JSON.stringify({ id: booking.id, pickup }));
  } catch {
    // Without storage (private mode) the address of the page is enough.
  }
}

export function forgetRide(id) {
  try {
    if (JSON.parse(localStorage.getItem(KEY) ?? "{}").id === id) localStorage.removeItem(KEY);
  } catch {
    // as above
  }
}

/** The remembered ride, unless it is long over. */
export function dueRide(nowMs) {
  try {
    const ride = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return ride && Date.parse(ride.pickup) + KEEP_MS > nowMs ? ride : null;
  } catch {
    return null;
  }
}
