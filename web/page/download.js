// Downloads, straight to the disk. A key travels in a header, which a link cannot
// send, and never in an address: a service worker puts it there, for one download at
// a time. Where there is none (browsers have them only over https, or on localhost),
// a small file is fetched into memory first.

import { refusalOf } from "./api.js";
import { h } from "./dom.js";
import { bytes } from "./format.js";

const largestInMemory = 256 * (1 << 20);

export async function download(api, file) {
  const address = `/v1/files/${file.id}/content`;
  if (!api.authorization.Authorization) {
    follow({ href: address, download: "" });
    return;
  }
  const worker = await downloadWorker();
  if (worker) {
    await throughWorker(worker, address, api.authorization);
    return;
  }
  if (file.bytes > largestInMemory) {
    throw new Error(`Without https this browser cannot save more than ${bytes(largestInMemory)} at once. Open this page by https or as localhost, or fetch ${address} with another client.`);
  }
  const link = URL.createObjectURL(await api.content(file.id));
  follow({ href: link, download: file.filename });
  setTimeout(() => URL.revokeObjectURL(link), 60_000);
}

function follow(properties) {
  h("a", properties).click();
}

// downloadWorker is the service worker once it runs, or null where there is none.
async function downloadWorker() {
  try {
    const registration = await navigator.serviceWorker.register("/assets/download-worker.js");
    const worker = registration.active ?? registration.waiting ?? registration.installing;
    while (worker.state !== "activated") {
      if (worker.state === "redundant") return null;
      await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
    }
    return worker;
  } catch {
    return null;
  }
}

// throughWorker hands the worker a ticket, and lets a hidden frame ask for it. The
// worker tells when the download has begun, or why it does not.
function throughWorker(worker, address, headers) {
  const ticket = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  const { port1, port2 } = new MessageChannel();
  const frame = h("iframe", { hidden: true, title: "Download" });
  return new Promise((resolve, reject) => {
    port1.addEventListener("message", ({ data }) => {
      if (data.ready) {
        // A download is no document: that one is loaded means that the worker was gone.
        frame.addEventListener("load", () => reject(new Error("The browser did not begin the download. Try again.")));
        frame.src = `/assets/download/${ticket}`;
        document.body.append(frame);
        return;
      }
      setTimeout(() => frame.remove(), 60_000); // the browser has taken it over long before
      if (data.begun) resolve();
      else reject(refusalOf(data.status, data.text, (name) => data.headers[name]));
    });
    port1.start();
    worker.postMessage({ ticket, address, headers, port: port2 }, [port2]);
  });
}
