// Keys: what each sees and may do, in the server's words; and that none is kept.

import { randomBytes } from "node:crypto";
import { accessible, assert, becomes, choose, rows, signIn, transfer, url, walk } from "./browser.mjs";

const { TEAM: team, OTHER: other, READER: reader, HANDER: hander, SLOW: slow, SMALL: small } = process.env;
const name = "report – draft.bin";
const requestId = /Request req_[0-9a-f]{32}/;
const hostile = `<img src=x onerror="document.title='taken'">`;

// kept is everything that the browser keeps for the page, or shows in its address.
const kept = (page) => page.evaluate(async () => JSON.stringify([
  location.href, document.cookie, { ...localStorage }, await indexedDB.databases(), await caches.keys(),
]));

await walk(async (newPage) => {
  // A wrong key is refused in the server's words.
  const page = await newPage();
  await page.goto(url);
  await accessible(page, "sign-in");
  await page.getByLabel("API key").fill(`${team.slice(0, -1)}x`);
  await page.keyboard.press("Enter");
  const refused = page.getByText("Incorrect API key provided.");
  await refused.waitFor();
  assert.match(await refused.innerText(), requestId);
  await accessible(page, "sign-in-refused");
  assert.equal(await page.getByRole("navigation").count(), 0, "nothing is shown before signing in");

  // Files of a project, whatever they are called.
  await signIn(page, team);
  await page.getByText("There are no files yet.").waitFor();
  await choose(page, { [name]: randomBytes(9 << 20), "a.txt": "abc", [hostile]: "abc" });
  await becomes(page, name, "done");
  await rows(page).nth(2).waitFor();
  assert.equal(await rows(page).filter({ hasText: hostile }).count(), 1);
  assert.equal(await page.title(), "Files · uploadd");
  // One that is interrupted is remembered by this browser.
  await page.route("**/parts", (route) => route.abort());
  await choose(page, { "secret plan.txt": "the plan" });
  await transfer(page, "secret plan.txt").getByText("The server does not answer.").waitFor();
  assert.ok(!(await kept(page)).includes(team.slice(30)), "the key is kept");
  let asked = 0;
  page.on("dialog", () => asked++);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Sign out" }).click(); // something is being sent
  await page.getByLabel("API key").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.equal(asked, 0, "the browser asks once more");

  // Another project sees none of it, in the same browser.
  await signIn(page, other);
  await page.getByText("There are no files yet.").waitFor();
  await page.getByText("Project other").waitFor();
  for (const view of ["Uploads", "Space", "Files"]) {
    await page.getByRole("link", { name: view, exact: true }).click();
    await page.waitForLoadState("networkidle");
    assert.doesNotMatch(await page.locator("body").innerText(), /secret plan|a\.txt/);
  }
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  await signIn(page, team);
  await becomes(page, "secret plan.txt", "interrupted");

  // A server that is away for a moment does not cost the key.
  await page.unroute("**/parts");
  await page.route("**/v1/usage", (route) => route.abort());
  await page.reload();
  await page.getByText("The server does not answer.").waitFor();
  await page.unroute("**/v1/usage");
  await page.getByRole("button", { name: "Try again" }).click();
  await becomes(page, "secret plan.txt", "interrupted");

  // A key that reads only.
  const reading = await newPage();
  await signIn(reading, reader);
  await rows(reading).nth(2).waitFor();
  await choose(reading, { "b.txt": "abc" });
  await becomes(reading, "b.txt", "failed");
  assert.match(await transfer(reading, "b.txt").innerText(), /Missing scopes: write. The key has: read./);
  assert.match(await transfer(reading, "b.txt").innerText(), requestId);
  await reading.getByRole("button", { name: "Delete a.txt" }).click();
  await reading.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  const forbidden = reading.locator("#files-problem");
  await forbidden.getByText("Missing scopes: delete.").waitFor();
  assert.match(await forbidden.innerText(), requestId);
  assert.equal(await rows(reading).count(), 3, "it is still there");
  await accessible(reading, "forbidden");

  // A key that only hands data in.
  const handing = await newPage();
  await signIn(handing, hander);
  await handing.locator("#files-problem").getByText("Missing scopes: read.").waitFor();
  await choose(handing, { "handed in.txt": "abc" });
  await becomes(handing, "handed in.txt", "done");

  // Limits.
  const full = await newPage();
  await signIn(full, small);
  await choose(full, { "large.txt": Buffer.alloc(2000) });
  await becomes(full, "large.txt", "failed");
  assert.match(await transfer(full, "large.txt").innerText(), /the limit|at most|limit/i);
  assert.match(await transfer(full, "large.txt").innerText(), requestId);
  const often = await newPage();
  await signIn(often, slow);
  const limited = often.locator("#files-problem").getByText("Rate limit reached");
  await limited.waitFor();
  assert.match(await limited.innerText(), requestId);
  assert.equal(await limited.getByRole("button", { name: "Try again" }).count(), 1);

  // A download that is refused says so, through the service worker as well.
  const gone = rows(page).filter({ hasText: "a.txt" });
  const id = await gone.getAttribute("data-id");
  const deleted = await page.request.delete(`${url}v1/files/${id}`, { headers: { Authorization: `Bearer ${team}` } });
  assert.equal(deleted.status(), 200);
  await gone.getByRole("button", { name: "Download a.txt" }).click();
  const missing = page.locator("#files-problem").getByText("No such File");
  await missing.waitFor();
  assert.match(await missing.innerText(), requestId);
  assert.ok(!(await kept(page)).includes(team.slice(30)), "the key is kept");
});

// Without a secure connection browsers have no service workers, no clipboard for
// pages, and no locks: what can be done without them is.
await walk(async (newPage) => {
  const page = await newPage({ permissions: [] });
  await signIn(page, team, url.replace("127.0.0.1", "uploadd.test"));
  assert.equal(await page.evaluate(() => isSecureContext), false);
  await choose(page, { "plain.txt": "over http" });
  await becomes(page, "plain.txt", "done");
  const begun = page.waitForEvent("download");
  await rows(page).filter({ hasText: "plain.txt" }).getByRole("button", { name: "Download plain.txt" }).click();
  const download = await begun;
  assert.equal(download.suggestedFilename(), "plain.txt");
  await rows(page).filter({ hasText: "plain.txt" }).getByRole("button", { name: "Copy the id of plain.txt" }).click();
  await page.locator("#said").getByText("Copied file-").waitFor();
});
