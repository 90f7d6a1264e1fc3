// A great many files: the page is as quick and as small as with few.

import { performance } from "node:perf_hooks";
import { assert, rows, until, url, walk } from "./browser.mjs";

const files = Number(process.env.FILES);

await walk(async (newPage) => {
  const page = await newPage();
  const timed = async (what, work) => {
    const began = performance.now();
    await work();
    console.log(`${what}: ${Math.round(performance.now() - began)} ms`);
  };
  const small = async () => {
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(elements < 5000, `${elements} elements`);
  };
  const place = (text) => page.locator("#files .place").getByText(text, { exact: true }).waitFor();
  const firstIs = (name) => until(`${name} is first`, async () =>
    await rows(page).count() > 0 && (await rows(page).first().innerText()).includes(name));
  // File i has i bytes, and is the older the smaller i is.
  const nameOf = (i) => `record ${i}.jsonl`;

  await page.goto(url);
  await timed("first page", () => firstIs(nameOf(files - 1)));
  await place("1 to 100");
  await timed("next page", async () => {
    await page.getByRole("button", { name: "Next" }).click();
    await firstIs(nameOf(files - 101));
  });
  await place("101 to 200");
  await page.getByRole("button", { name: "Previous" }).click();
  await firstIs(nameOf(files - 1));
  await timed("oldest first", async () => {
    await page.getByLabel("Sort").selectOption("oldest first");
    await firstIs(nameOf(0));
  });
  await small();

  // A name is searched for among all; an order other than by time looks at all.
  await timed("search for the newest among all", async () => {
    await page.getByLabel("Search").fill(`RECORD ${files - 1}.`);
    await page.getByText("1 find", { exact: true }).waitFor();
    await firstIs(nameOf(files - 1));
  });
  await page.getByLabel("Search").fill("");
  await page.getByLabel("Sort").selectOption("newest first");
  await firstIs(nameOf(files - 1));
  await timed("order by size", async () => {
    await page.getByLabel("Sort").selectOption("largest first");
    await page.getByText(/^the first 1,000 of /).waitFor();
    await page.locator("#files .progress").waitFor({ state: "hidden" });
  });
  await firstIs(nameOf(files - 1));
  await page.getByRole("button", { name: "Next" }).click();
  await firstIs(nameOf(files - 101));
  await small();
  // A look at all can be stopped.
  await page.route("**/v1/files?limit=10000*after=*", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await route.continue().catch(() => {}); // it may have been stopped meanwhile
  });
  await page.getByLabel("Sort").selectOption("smallest first");
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText(/stopped after [\d,]+ files$/).waitFor();
  await page.unroute("**/v1/files?limit=10000*after=*");

  await timed("what fills the space", async () => {
    await page.getByRole("link", { name: "Space", exact: true }).click();
    await page.locator("#said").getByText(`Counted ${files.toLocaleString("en")} files.`).waitFor();
  });
  assert.equal(await page.getByRole("rowheader").count(), 2);
  await small();
  const { usedJSHeapSize: heap } = await page.evaluate(() => ({ usedJSHeapSize: performance.memory.usedJSHeapSize }));
  console.log(`heap: ${Math.round(heap / (1 << 20))} MiB`);
});
