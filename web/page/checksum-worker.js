// Sums a slice of a file beside the page, which stays quick meanwhile.

import { crc32c } from "./crc32c.js";

self.addEventListener("message", async ({ data: slice }) => {
  try {
    let sum = 0;
    for (let reader = slice.stream().getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      sum = crc32c(value, sum);
    }
    self.postMessage({ sum });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
});
