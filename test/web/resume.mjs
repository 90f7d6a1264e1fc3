// A large file over a connection that is cut again and again, with a reload in the
// middle: only what is missing is sent, and what arrives is the file.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { assert, becomes, signIn, transfer, until, walk } from "./browser.mjs";

const { KEY: key, FILE: path, CHANGED: changed, NAME: name } = process.env;

async function sha256(file) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest("hex");
}

// remembered is the one entry that the page keeps of what it sends.
const remembered = (page) => page.evaluate(() => {
  const entries = Object.entries(localStorage).filter(([name]) => name.startsWith("uploadd.upload."));
  return entries.length === 1 ? JSON.parse(entries[0][1]) : null;
});
const arrived = (entry) => entry?.parts.filter(Boolean).length ?? 0;

await walk(async (newPage) => {
  const page = await newPage();
  let parts = 0; // acknowledged since the last reload
  let largest = 0; // bytes of a body
  page.on("response", (response) => {
    if (response.request().method() === "POST" && response.url().endsWith("/parts") && response.status() === 200) parts++;
  });
  await signIn(page, key);
  await page.getByLabel("Files to send").setInputFiles(path);
  await until("a third has arrived", async () => {
    const entry = await remembered(page);
    return entry && arrived(entry) > entry.parts.length / 3;
  });

  await page.reload();
  await becomes(page, name, "interrupted");
  const before = await remembered(page);
  assert.ok(arrived(before) < before.parts.length, "the reload came in the middle");
  assert.match(await transfer(page, name).innerText(), /had arrived/);

  // A file of the same name and size is not the same.
  const choose = page.getByLabel(`Choose ${name} again`, { exact: true });
  await choose.setInputFiles(changed);
  await becomes(page, name, "failed");
  assert.match(await transfer(page, name).innerText(), /has changed since it was begun/);
  assert.deepEqual((await remembered(page)).id, before.id);

  // Other parts may have gone out beside the one that differed, none of them missing.
  const missing = before.parts.length - arrived(await remembered(page));
  parts = 0;
  await choose.setInputFiles(path);
  await becomes(page, name, "done");
  assert.equal(parts, missing, "parts sent after the reload");
  assert.equal(await remembered(page), null, "nothing is remembered of what is done");

  const row = page.getByRole("row").filter({ hasText: name });
  const downloaded = page.waitForEvent("download");
  await row.getByRole("button", { name: `Download ${name}` }).click();
  const download = await downloaded;
  assert.equal(download.suggestedFilename(), name);
  assert.equal(await sha256(await download.path()), await sha256(path), "the bytes that came back");
  console.log(`${before.parts.length} parts, ${arrived(before)} of them before the reload and ${missing} after it`);
});
