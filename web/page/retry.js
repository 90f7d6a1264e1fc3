// Patience with a server, or a network, that will do better later.

const first = 500; // milliseconds before the second attempt
const longest = 30_000;

// patiently calls attempt until it succeeds, is refused for good, or signal aborts.
// waiting is told the refusal and the milliseconds until the next attempt.
export async function patiently(attempt, { signal, waiting }) {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!error.passing) throw error;
      const spread = 0.75 + Math.random() / 2; // not all parts at the same moment
      const delay = error.retryAfter * 1000 + Math.min(first * 2 ** tries, longest) * spread;
      waiting?.(error, delay);
      await sleep(delay, signal);
    }
  }
}

// sleep waits, at most until the network comes back.
function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const ended = new AbortController();
    const end = (how) => {
      clearTimeout(timer);
      ended.abort();
      how();
    };
    const timer = setTimeout(() => end(resolve), milliseconds);
    window.addEventListener("online", () => end(resolve), { signal: ended.signal });
    signal?.addEventListener("abort", () => end(() => reject(signal.reason)), { signal: ended.signal });
  });
}
