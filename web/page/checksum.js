// Checksums of slices of a file, computed by a worker.

const waiting = new Map(); // by id: who waits for it
let worker;
let last = 0;

// Unreadable says that the browser does not let the file be read any more: it was
// changed, moved or deleted since it was chosen.
export class Unreadable extends Error {}

// checksum is the CRC-32C of slice, a number.
export function checksum(slice) {
  if (!worker) {
    worker = new Worker("/assets/checksum-worker.js", { type: "module" });
    worker.addEventListener("message", ({ data: { id, sum, error } }) => {
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error) reject(new Unreadable(error));
      else resolve(sum);
    });
  }
  const id = ++last;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, slice });
  });
}

// hex is a checksum as the server's lists show it.
export const hex = (sum) => sum.toString(16).padStart(8, "0");

// base64 is a checksum as it is sent in a header.
export const base64 = (sum) => btoa(String.fromCharCode(sum >>> 24, (sum >>> 16) & 0xff, (sum >>> 8) & 0xff, sum & 0xff));

// hexOfBase64 is a checksum from a header as lists show it.
export const hexOfBase64 = (text) => Array.from(atob(text), (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
