// Checksums of slices of a file.

// Unreadable says that the browser does not let the file be read any more: it was
// changed, moved or deleted since it was chosen.
export class Unreadable extends Error {}

// checksum is the CRC-32C of slice, a number. A worker computes it, and ends with it:
// the browser would let go of what a lasting one has read much later, gigabytes too
// late.
export async function checksum(slice) {
  const worker = new Worker("/assets/checksum-worker.js", { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.addEventListener("message", ({ data: { sum, error } }) => (error ? reject(new Unreadable(error)) : resolve(sum)));
      worker.addEventListener("error", () => reject(new Error("The browser cannot compute checksums: reload this page.")));
      worker.postMessage(slice);
    });
  } finally {
    worker.terminate();
  }
}

// hex is a checksum as the server's lists show it.
export const hex = (sum) => sum.toString(16).padStart(8, "0");

// base64 is a checksum as it is sent in a header.
export const base64 = (sum) => btoa(String.fromCharCode(sum >>> 24, (sum >>> 16) & 0xff, (sum >>> 8) & 0xff, sum & 0xff));

// hexOfBase64 is a checksum from a header as lists show it.
export const hexOfBase64 = (text) => Array.from(atob(text), (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
