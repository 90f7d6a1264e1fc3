// Calls the official Node SDK for a test that speaks Go. Each line of standard
// input is {"id", "method", "args"}; each line of standard output answers one,
// in any order: {"id", "result"} or {"id", "error"}. Bytes travel in files.
//
//   node bridge.mjs openai6 http://127.0.0.1:8080/v1

import fs from "node:fs";
import readline from "node:readline";

const [, , sdk, baseURL] = process.argv;
const { default: OpenAI, toFile } = await import(sdk);
// The key, the organization and the project come from the environment, as they do
// for everybody.
const client = new OpenAI({ baseURL });

// What the SDK is given as a file: a stream, as the reference's own example has
// it, or bytes. The SDK sends the one chunked and the other with its length.
const asFile = (path, name, stream) => (stream ? fs.createReadStream(path) : toFile(fs.readFileSync(path), name));

const methods = {
  createUpload: ({ request }) => client.uploads.create(request),
  addPart: async ({ upload, path, stream }) =>
    client.uploads.parts.create(upload, { data: await asFile(path, "part", stream) }),
  completeUpload: ({ upload, request }) => client.uploads.complete(upload, request),
  cancelUpload: ({ upload }) => client.uploads.cancel(upload),
  createFile: async ({ path, name, request }) =>
    client.files.create({ file: await asFile(path, name, false), ...request }),
  listFiles: async ({ query }) => {
    const page = await client.files.list(query);
    const { object, data, has_more, first_id, last_id } = page.body ?? page;
    return { object, data, has_more, first_id, last_id };
  },
  listAll: async ({ query }) => {
    const all = [];
    for await (const file of client.files.list(query)) all.push(file);
    return all;
  },
  getFile: ({ file }) => client.files.retrieve(file),
  waitForFile: ({ file }) => client.files.waitForProcessing(file),
  deleteFile: ({ file }) => (client.files.delete ?? client.files.del).call(client.files, file),
  content: async ({ file, path, range }) => {
    const response = await client.files.content(file, range ? { headers: { Range: range } } : {});
    fs.writeFileSync(path, Buffer.from(await response.arrayBuffer()));
    return { status: response.status, digest: response.headers.get("repr-digest") };
  },
  // What the SDK has no name for: the extensions.
  get: ({ path, query }) => client.get(path, { query }),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { id, method, args } = JSON.parse(line);
  const answer = (object) => process.stdout.write(JSON.stringify({ id, ...object }) + "\n");
  (async () => methods[method](args))().then(
    (result) => answer({ result }),
    (e) =>
      answer({
        error: {
          class: e.constructor.name,
          status: e.status ?? 0,
          message: e.error?.message ?? String(e),
          type: e.type ?? "",
          param: e.param ?? "",
          code: e.code ?? "",
          request: e.requestID ?? e.request_id ?? "",
        },
      }),
  );
}
