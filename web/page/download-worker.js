// The service worker that puts a key into the request of a download. It knows a key
// from the moment a page asks for a download until its answer begins, and no longer;
// and it touches no other request. (It imports nothing, for browsers whose service
// workers cannot.)

const tickets = new Map();

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("message", ({ data }) => {
  tickets.set(data.ticket, data);
  data.port.postMessage({ ready: true });
});

self.addEventListener("fetch", (event) => {
  const [, ticket] = /^\/assets\/download\/([0-9a-f]{32})$/.exec(new URL(event.request.url).pathname) ?? [];
  const wanted = tickets.get(ticket);
  if (!wanted) return;
  tickets.delete(ticket);
  event.respondWith(answer(wanted));
});

async function answer({ address, headers, port }) {
  let refusal = { status: 0, text: "", headers: {} };
  try {
    const response = await fetch(address, { headers, cache: "no-store" });
    if (response.ok) {
      port.postMessage({ begun: true });
      return response;
    }
    refusal = { status: response.status, text: await response.text(), headers: Object.fromEntries(response.headers) };
  } catch {
    // There was no answer, as the status of 0 says.
  }
  port.postMessage(refusal);
  return new Response(null, { status: 204 }); // the frame stays as it is
}
