// Follows a server-sent event stream; where it does not get through, polls, and says which it is.

const POLL_MS = 5000;
const PATIENCE_MS = 8000;
const RETRY_MS = 20000;

/**
 * Keep a page up to date.
 *
 * @param {object} options
 * @param {string} options.url        address of the event stream
 * @param {Object<string, function>} options.on   handler by event name, given the parsed data
 * @param {function} options.poll     asks once and hands the answer to the handlers
 * @param {function} options.state    told `live`, `polling` or `off`
 * @returns {function} stops it for good
 */
export function follow({ url, on, poll, state }) {
  let source = null;
  let pollTimer = null;
  let watchTimer = null;
  let ended = false;

  function startPolling() {
    if (pollTimer || ended) return;
    const ask = async () => {
      try {
        await poll();
        if (pollTimer) state("polling");
      } catch {
        state("off");
      }
    };
    pollTimer = setInterval(ask, POLL_MS);
    ask();
  }

  function stopPolling() {
    clearInterval(pollTimer);
    pollTimer = null;
  }

  function connect() {
    clearTimeout(watchTimer);
    source?.close();
    if (ended) return;
    source = new EventSource(url);
    // A proxy that swallows the stream never reports an error: silence must count as one.
    watchTimer = setTimeout(fail, PATIENCE_MS);
    for (const [name, handler] of Object.entries(on)) {
      source.addEventListener(name, (event) => {
        clearTimeout(watchTimer);
        stopPolling();
        state("live");
        handler(JSON.parse(event.data));
      });
    }
    source.addEventListener("error", fail);
  }

  function fail() {
    source?.close();
    clearTimeout(watchTimer);
    if (ended) return;
    startPolling();
    watchTimer = setTimeout(connect, RETRY_MS);
  }

  function stop() {
    ended = true;
    clearTimeout(watchTimer);
    stopPolling();
    source?.close();
    state("off");
  }

  // Phones put pages to sleep; on waking up, do not wait for a time-out.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !ended && source?.readyState !== EventSource.OPEN) connect();
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
  return stop;
}
