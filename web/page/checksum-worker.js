// Sums slices of files beside the page, which stays quick meanwhile.

import { crc32c } from "./crc32c.js";

self.addEventListener("message", async ({ data: { id, slice } }) => {
  try {
    let sum = 0;
    // A piece at a time: memory does not grow with the slice.
    for (let reader = slice.stream().getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      sum = crc32c(value, sum);
    }
    self.postMessage({ id, sum });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
});
