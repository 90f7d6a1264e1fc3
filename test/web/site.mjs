// The documentation site, wide and narrow: pages held against the rules of accessibility,
// with nothing fetched from elsewhere; and read without JavaScript.

import { accessible, assert, url, walk } from "./browser.mjs";

const pages = process.env.PAGES.split(" ");

// samples have what the others consist of. The others are judged when EVERY is set.
const samples = ["index.html", "quickstart.html", "about/SECURITY.html"];

async function look(page, size) {
  const elsewhere = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) elsewhere.push(request.url());
  });
  for (const path of pages) {
    await page.goto(url + path);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    if (process.env.EVERY || samples.includes(path)) await accessible(page, `site-${path.replaceAll("/", "-")}-${size}`);
    const [content, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(content <= room, `${path}: ${content} pixels wide in a window of ${room}`);
  }
  assert.deepEqual(elsewhere, [], "nothing is asked of other hosts");
}

await walk(async (newPage) => {
  await look(await newPage(), "wide");
  await look(await newPage({ viewport: { width: 390, height: 844 } }), "narrow");

  const plain = await newPage({ javaScriptEnabled: false });
  await plain.goto(`${url}index.html`);
  await plain.getByRole("link", { name: "Quick start" }).first().waitFor();
  await plain.goto(`${url}quickstart.html`);
  assert.match(await plain.getByRole("main").innerText(), /uploadd serve/);
});
