// The page by HTTPS: the browser then speaks HTTP/2, in which all parts share one
// connection.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { MiB, assert, becomes, choose, rows, signIn, walk } from "./browser.mjs";

const sum = (bytes) => createHash("sha256").update(bytes).digest("hex");

await walk(async (newPage) => {
  const page = await newPage();
  const content = randomBytes(60 * MiB);
  await signIn(page, process.env.KEY);
  await choose(page, { "by https.bin": content });
  await becomes(page, "by https.bin", "done");
  const protocols = await page.evaluate(() => [...new Set(performance.getEntriesByType("resource").map((one) => one.nextHopProtocol))]);
  assert.deepEqual(protocols, ["h2"]);
  const begun = page.waitForEvent("download");
  await rows(page).getByRole("button", { name: "Download by https.bin" }).click();
  assert.equal(sum(readFileSync(await (await begun).path())), sum(content));
}, ["--ignore-certificate-errors"]); // this browser does not know who signed it
