// What the walks through the page share: a real Chromium, the files that it sends, and
// an ear for whatever the browser complains of.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const { PAGE_URL: url, CHROMIUM: executablePath, SHOTS: shots } = process.env;
const patience = Number(process.env.PATIENCE ?? 60_000); // milliseconds: the machine may be busy

const made = mkdtempSync(join(tmpdir(), "page-")); // files to send
process.on("exit", () => rmSync(made, { recursive: true }));

export { assert, url };
export const MiB = 1 << 20;

// pathOf is where a file is that was chosen to be sent.
export const pathOf = (name) => join(made, name);

// choose chooses files to send, once the page lets them be sent: their names, with what
// is in them.
export async function choose(page, files) {
  await page.getByRole("navigation", { name: "Views" }).waitFor();
  for (const [name, content] of Object.entries(files)) writeFileSync(pathOf(name), content);
  await page.getByLabel("Files to send").setInputFiles(Object.keys(files).map(pathOf));
}

// rows are the files that the table shows.
export const rows = (page) => page.locator("#files tbody tr");

// walk runs steps with a browser, and fails as they do, or when the browser had to
// complain of the page. flags are added to the browser's.
export async function walk(steps, flags = []) {
  const args = ["--no-sandbox", "--host-resolver-rules=MAP uploadd.test 127.0.0.1", ...flags];
  const browser = await chromium.launch({ executablePath, args });
  const complaints = [];
  try {
    await steps((options) => newPage(browser, options, complaints));
  } catch (error) {
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      console.log(`The page shows:\n${(await page.locator("body").innerText()).slice(0, 4000)}\n`);
    }
    throw error;
  } finally {
    await browser.close();
  }
  assert.deepEqual(complaints, []);
}

async function newPage(browser, options, complaints) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // An answer that is an error is told of in every console.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  page.on("dialog", (dialog) => dialog.accept()); // the browser's own question before it leaves
  return page;
}

export async function signIn(page, key, at = url) {
  await page.goto(at);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Views" }).waitFor();
}

// transfer is the line of a file being sent.
export const transfer = (page, name) => page.locator("#transfers li", { hasText: name });

// becomes waits until a file being sent is in a state.
export const becomes = (page, name, state) => transfer(page, name).and(page.locator(`[data-state=${state}]`)).waitFor();

export async function until(what, holds) {
  for (const end = Date.now() + patience; !await holds();) {
    if (Date.now() > end) throw new Error(`not within ${patience} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const sessions = new Map(); // of pages, with the browser itself

// throttle bounds how many bytes a second the page sends; -1 does not.
export async function throttle(page, uploadThroughput) {
  if (!sessions.has(page)) sessions.set(page, await page.context().newCDPSession(page));
  await sessions.get(page).send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
}

// moving waits until some of a file has been sent, and the page says how fast.
export const moving = (page, name) => transfer(page, name).getByText(/left$/).waitFor();

// accessible holds the page as it is against the rules of WCAG 2.2 AA that a program
// can judge, and in the dark against those of colour; and keeps pictures when asked to.
export async function accessible(page, name) {
  await page.evaluate(axeSource);
  const rules = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
  for (const [colorScheme, runOnly] of [["light", rules], ["dark", { type: "rule", values: ["color-contrast"] }]]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), runOnly);
    const found = violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(" ").slice(0, 500)}`);
    assert.deepEqual(found, [], `${name}, ${colorScheme}`);
    if (shots) await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png` });
  }
}
