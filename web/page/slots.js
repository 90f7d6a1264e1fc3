// Slots bound how much goes on at once.
export class Slots {
  #free;
  #queue = [];

  constructor(count) {
    this.#free = count;
  }

  // use runs work in a slot, once one is free and unless signal aborts before.
  async use(signal, work) {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#free++;
    }
  }

  #take(signal) {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#queue = this.#queue.filter((one) => one !== proceed);
        reject(signal.reason);
      };
      const proceed = () => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#queue.push(proceed);
    });
  }
}
