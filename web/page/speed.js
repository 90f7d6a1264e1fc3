// Speed is how fast bytes went out in the last seconds.

const span = 8000; // milliseconds

export class Speed {
  #samples = []; // [time, bytes], the oldest first

  add(bytes, now = performance.now()) {
    this.#samples.push([now, bytes]);
    this.#drop(now);
  }

  // perSecond is 0 until there is something to go by.
  perSecond(now = performance.now()) {
    this.#drop(now);
    if (this.#samples.length < 2) return 0;
    const taken = Math.max(now - this.#samples[0][0], 500);
    return (this.#samples.reduce((sum, [, bytes]) => sum + bytes, 0) / taken) * 1000;
  }

  #drop(now) {
    while (this.#samples.length && this.#samples[0][0] < now - span) this.#samples.shift();
  }
}
