// The server's API, as this page uses it.

// Refusal is an answer that is an error: the server's own words, and the id under
// which its log tells more. A status of 0 says that there was no answer.
export class Refusal extends Error {
  constructor(message, { status = 0, code = null, requestId = "", retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId, retryAfter });
  }

  // passing says whether the same request may do better later.
  get passing() {
    return [0, 408, 429, 500, 502, 503, 504].includes(this.status) || this.code === "digest_mismatch";
  }
}

const noAnswer = () => new Refusal("The server does not answer.");

// refusalOf makes one of an answer: text is its body, header looks a header up. A
// status of 0 is none.
export function refusalOf(status, text, header) {
  let error = {};
  try {
    error = JSON.parse(text).error ?? {};
  } catch {
    // A proxy in between speaks for itself.
  }
  if (status === 0) return noAnswer();
  return new Refusal(error.message ?? `The answer is ${status}, and says nothing that this page understands.`, {
    status,
    code: error.code,
    requestId: header("x-request-id") ?? "",
    retryAfter: Number(header("retry-after")) || 0,
  });
}

export class Api {
  #key;

  // key is "" for a server that has none.
  constructor(key) {
    this.#key = key;
  }

  // authorization is the headers that say who asks.
  get authorization() {
    return this.#key ? { Authorization: `Bearer ${this.#key}` } : {};
  }

  async #fetch(method, path, { query = {}, json, signal } = {}) {
    const headers = this.authorization;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    const params = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
    let response;
    try {
      response = await fetch(`/v1${path}${params.size ? `?${params}` : ""}`, {
        method, headers, signal, cache: "no-store", body: json === undefined ? undefined : JSON.stringify(json),
      });
    } catch (error) {
      throw signal?.aborted ? error : noAnswer();
    }
    if (response.ok) return response;
    const text = method === "HEAD" ? "" : await response.text().catch(() => "");
    throw refusalOf(response.status, text, (name) => response.headers.get(name));
  }

  async #call(method, path, options) {
    const response = await this.#fetch(method, path, options);
    try {
      return await response.json();
    } catch (error) {
      throw options?.signal?.aborted ? error : noAnswer();
    }
  }

  usage() { return this.#call("GET", "/usage"); }

  files(query, signal) { return this.#call("GET", "/files", { query, signal }); }
  file(id) { return this.#call("GET", `/files/${id}`); }
  deleteFile(id) { return this.#call("DELETE", `/files/${id}`); }

  // checksum is the CRC-32C of a whole file in base64, "" if it is not known.
  async checksum(id) {
    const response = await this.#fetch("HEAD", `/files/${id}/content`);
    return /crc32c=:([^:]+):/.exec(response.headers.get("repr-digest"))?.[1] ?? "";
  }

  // content is the bytes of a whole file, in memory.
  async content(id) {
    const response = await this.#fetch("GET", `/files/${id}/content`);
    try {
      return await response.blob();
    } catch {
      throw new Refusal("The download broke off.");
    }
  }

  uploads(query, signal) { return this.#call("GET", "/uploads", { query, signal }); }
  upload(id, signal) { return this.#call("GET", `/uploads/${id}`, { signal }); }
  createUpload(json, signal) { return this.#call("POST", "/uploads", { json, signal }); }
  completeUpload(id, partIds, signal) {
    return this.#call("POST", `/uploads/${id}/complete`, { json: { part_ids: partIds }, signal });
  }
  cancelUpload(id) { return this.#call("POST", `/uploads/${id}/cancel`); }
  parts(id, query, signal) { return this.#call("GET", `/uploads/${id}/parts`, { query, signal }); }

  // addPart sends bytes as a part. sum is their CRC-32C in base64: the server
  // refuses whatever else arrives. progress is told the bytes sent so far. (fetch
  // does not tell how far it has come; XMLHttpRequest does.)
  addPart(uploadId, bytes, sum, progress, signal) {
    const form = new FormData();
    form.append("data", bytes, "part");
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const abort = () => request.abort();
      request.open("POST", `/v1/uploads/${uploadId}/parts`);
      for (const [name, value] of Object.entries(this.authorization)) request.setRequestHeader(name, value);
      request.setRequestHeader("Content-Digest", `crc32c=:${sum}:`);
      request.upload.addEventListener("progress", (event) => progress(Math.min(event.loaded, bytes.size)));
      request.addEventListener("load", () => {
        try {
          if (request.status !== 200) throw refusalOf(request.status, request.responseText, (name) => request.getResponseHeader(name));
          resolve(JSON.parse(request.responseText));
        } catch (error) {
          reject(error instanceof Refusal ? error : noAnswer());
        }
      });
      request.addEventListener("error", () => reject(noAnswer()));
      request.addEventListener("abort", () => reject(signal.reason));
      request.addEventListener("loadend", () => signal.removeEventListener("abort", abort));
      signal.addEventListener("abort", abort);
      if (signal.aborted) reject(signal.reason);
      else request.send(form);
    });
  }
}

// walk yields the pages of a list one behind the other: list fetches one.
export async function* walk(list, query) {
  for (let after = ""; ;) {
    const page = await list({ ...query, after });
    yield page.data;
    if (!page.has_more) return;
    after = page.last_id;
  }
}
