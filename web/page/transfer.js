// One file on its way to the server: cut into parts, several at a time, each sent
// until it has arrived, and put together at the end.

import { Refusal, walk } from "./api.js";
import { Unreadable, base64, checksum, hex } from "./checksum.js";
import { plural } from "./format.js";
import { alone, forget, remember } from "./memory.js";
import { patiently } from "./retry.js";
import { Slots } from "./slots.js";
import { Speed } from "./speed.js";

const MiB = 1 << 20;

// partSizeFor cuts a file into some 256 parts, none so large that losing one hurts.
const partSizeFor = (size) => Math.min(Math.max(Math.ceil(size / 256 / MiB), 8), 32) * MiB;

// A browser opens six connections to a server; two are left for looking around.
const atOnce = 4;
const partSlots = new Slots(atOnce);
// The time that an Upload stays open begins with it: they are begun few at a time.
const fileSlots = new Slots(3);

// Different says that a file is not, or is no longer, the one whose parts arrived.
class Different extends Error {}

// A Transfer is in one of these states; it tells of every change by an event
// "change":
//   interrupted  by a reload: the file must be chosen again
//   waiting      for other files
//   sending      parts go out, or are compared with those that have arrived
//   finishing    all have arrived, the server makes a File of them
//   paused       until resume
//   failed       error says why; resume tries again
//   done         file is the File
//   cancelled
export class Transfer extends EventTarget {
  name;
  size; // bytes
  state;
  error = null;
  file = null; // the File, once it is done
  note = ""; // why nothing moves at present, in the server's words
  arrived = 0; // bytes of parts that are on the server
  speed = new Speed();

  #api;
  #source; // the browser's File, null while interrupted
  #options; // purpose, expires_after
  #entry; // what is remembered of its Upload; null before it has one
  #stop = new AbortController();
  #flying = new Map(); // bytes sent of the parts on their way, by their place
  #running = Promise.resolve();

  // source is a File of the browser, with options to create the Upload by; or it is
  // null, and entry is what is remembered of an Upload that may go on.
  constructor(api, source, options, entry = null) {
    super();
    this.#api = api;
    this.#source = source;
    this.#options = options;
    this.#entry = entry;
    ({ name: this.name, size: this.size } = source ?? entry);
    this.state = source ? "waiting" : "interrupted";
    if (entry) this.arrived = entry.parts.reduce((sum, id, place) => sum + (id ? this.#range(place).size : 0), 0);
  }

  get id() { return this.#entry?.id ?? null; }
  get expiresAt() { return this.#entry?.expiresAt ?? null; }
  get active() { return ["waiting", "sending", "finishing"].includes(this.state); }
  get over() { return ["done", "cancelled"].includes(this.state); }
  // changed says that what has arrived is of no use for the file as it is.
  get changed() { return this.error instanceof Different; }
  // needsFile says that it goes on only with the file chosen again.
  get needsFile() { return this.state === "interrupted" || this.changed; }

  // progress is the bytes that have arrived or are on their way.
  get progress() {
    let flying = 0;
    for (const n of this.#flying.values()) flying += n;
    return Math.min(this.arrived + flying, this.size);
  }

  // resume begins, or goes on after a pause, a failure or a reload; after that, with
  // the file that was chosen again.
  resume(source = this.#source) {
    if (source.name !== this.name || source.size !== this.size) {
      this.#become(this.state, new Different(`That is not the file whose first parts were sent: choose ${this.name} of ${plural(this.size, "byte")}.`));
      return;
    }
    this.#source = source;
    const stop = this.#stop = new AbortController();
    this.#become("waiting");
    this.#running = this.#running.then(() => this.#run(stop));
  }

  // pause gives up the parts on their way; those that have arrived stay.
  pause() {
    this.#stop.abort();
    this.#become("paused");
  }

  // cancel gives everything up, here and on the server.
  async cancel() {
    if (await this.#abandon()) this.#become("cancelled");
  }

  // startOver sends the file as it is now, from the beginning.
  async startOver() {
    if (await this.#abandon()) this.resume();
  }

  async #abandon() {
    this.#stop.abort();
    await this.#running;
    try {
      if (this.#entry) await this.#api.cancelUpload(this.#entry.id);
    } catch (error) {
      this.#become("failed", error);
      return false;
    }
    this.#forget();
    return true;
  }

  #forget() {
    if (this.#entry) forget(this.#entry.id);
    this.#entry = null;
    this.arrived = 0;
  }

  async #run(stop) {
    const { signal } = stop;
    try {
      const file = await fileSlots.use(signal, async () => {
        this.#become("sending");
        const { file, parts } = await this.#begin(signal);
        return file ?? alone(this.id, () => this.#send(parts, stop));
      });
      this.#forget();
      this.file = file;
      this.arrived = this.size;
      this.#flying.clear();
      this.#become("done");
    } catch (error) {
      this.#flying.clear();
      if (error === signal.reason && error.name === "AbortError") return; // paused or cancelled
      if (error.code === "part_too_large" && this.#cutSmaller()) this.resume();
      else this.#become("failed", error);
    }
  }

  // begin opens an Upload; or it asks what has become of the one that goes on, and
  // yields its File, or the Parts that have arrived by their ids.
  async #begin(signal) {
    if (!this.#entry) {
      const upload = await this.#patiently(signal, () => this.#api.createUpload({
        filename: this.name, bytes: this.size, mime_type: this.#source.type || "application/octet-stream", ...this.#options,
      }, signal));
      this.#entry = { id: upload.id, name: this.name, size: this.size, options: this.#options, expiresAt: upload.expires_at };
      this.#cut(partSizeFor(this.size));
      return { parts: new Map() };
    }
    const upload = await this.#patiently(signal, () => this.#api.upload(this.id, signal));
    if (upload.status === "completed") return { file: upload.file };
    if (upload.status !== "pending") {
      this.#forget();
      throw new Error(`The Upload is ${upload.status}, and what had arrived is gone. Resuming sends the file from the beginning.`);
    }
    const parts = new Map();
    const list = (query) => this.#patiently(signal, () => this.#api.parts(this.id, query, signal));
    for await (const page of walk(list, { order: "asc" })) {
      for (const part of page) parts.set(part.id, part);
    }
    return { parts };
  }

  #cut(partSize) {
    Object.assign(this.#entry, { partSize, parts: new Array(Math.ceil(this.size / partSize)).fill(null) });
    remember(this.#entry);
  }

  // cutSmaller begins anew with parts that a server with a lower limit may take. It
  // says whether there is any use in that.
  #cutSmaller() {
    if (this.#entry.partSize < MiB / 8) return false;
    this.#cut(this.#entry.partSize / 2);
    return true;
  }

  // send makes sure that every part has arrived, and completes the Upload. The first
  // part that fails for good stops the others.
  async #send(listed, stop) {
    this.arrived = 0;
    this.speed = new Speed();
    const { signal } = stop;
    const places = this.#entry.parts.keys();
    const runner = async () => {
      for (const place of places) {
        await partSlots.use(signal, () => this.#part(place, listed.get(this.#entry.parts[place]), signal));
      }
    };
    try {
      await Promise.all(Array.from({ length: atOnce }, runner));
    } catch (error) {
      stop.abort(error);
      throw error;
    }
    this.#become("finishing");
    const upload = await this.#patiently(signal, () => this.#api.completeUpload(this.id, this.#entry.parts, signal));
    return upload.file;
  }

  #range(place) {
    const start = place * this.#entry.partSize;
    const end = Math.min(start + this.#entry.partSize, this.size);
    return { start, end, size: end - start };
  }

  // part sends the part of that place, unless it is there already. What is there must
  // be what the file holds now: the file may have changed since.
  async #part(place, there, signal) {
    const { start, end, size } = this.#range(place);
    const slice = this.#source.slice(start, end);
    const sum = await sumOf(slice);
    signal.throwIfAborted();
    if (there && (there.bytes !== size || there.crc32c !== hex(sum))) {
      throw new Different(`The file has changed since it was begun: part ${place + 1} is not the one that has arrived.`);
    }
    if (!there) {
      const part = await this.#patiently(signal, () => this.#deliver(place, slice, sum, signal));
      this.#entry.parts[place] = part.id;
      remember(this.#entry);
    }
    this.#flying.delete(place);
    this.arrived += size;
    this.#changed();
  }

  async #deliver(place, slice, sum, signal) {
    let before = 0;
    const progress = (n) => {
      if (signal.aborted) return;
      this.speed.add(n - before);
      before = n;
      this.note = "";
      this.#flying.set(place, n);
      this.#changed();
    };
    try {
      return await this.#api.addPart(this.id, slice, base64(sum), progress, signal);
    } catch (error) {
      this.#flying.delete(place);
      // A file that changed on the disk looks like a connection that broke, or
      // arrives with another checksum.
      if (error instanceof Refusal && (error.status === 0 || error.code === "digest_mismatch") && await sumOf(slice) !== sum) {
        throw new Different("The file has changed while it was being sent.");
      }
      throw error;
    }
  }

  #patiently(signal, attempt) {
    return patiently(attempt, {
      signal,
      waiting: (error, delay) => {
        this.note = `${error.message} Trying again in ${Math.ceil(delay / 1000)} s.`;
        this.#changed();
      },
    });
  }

  #become(state, error = null) {
    this.state = state;
    this.error = error;
    this.note = "";
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

async function sumOf(slice) {
  try {
    return await checksum(slice);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new Different("The browser cannot read the file any more: it was changed, moved or deleted since it was chosen.");
  }
}
