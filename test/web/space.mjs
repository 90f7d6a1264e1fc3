// What fills the space: the figures are those of the files, and the picture is theirs.

import { MiB, accessible, assert, becomes, choose, moving, throttle, url, walk } from "./browser.mjs";

const expected = JSON.parse(process.env.FIGURES); // rows of the table

await walk(async (newPage) => {
  for (const [width, height] of [[1180, 800], [360, 740]]) {
    const page = await newPage({ viewport: { width, height } });
    await page.goto(url);
    await page.locator("#files tbody tr").nth(20).waitFor();
    await accessible(page, `files-${width}`);
    await page.goto(`${url}#space`);
    await page.locator("#said").getByText(/^Counted/).waitFor();
    const figures = await page.locator("#space tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText.replace("\u00a0", " "))));
    assert.deepEqual(figures, expected);
    // Each bar is as long as its purpose is large, and cut into as many ages as it has.
    const bars = await page.locator("#space svg").evaluateAll((bars) => bars.map((bar) => [...bar.children].map((rect) => Number(rect.getAttribute("width")))));
    assert.deepEqual(bars.map((bar) => bar.length), expected.map((row) => row.slice(1, 6).filter((cell) => cell !== "–").length));
    const lengths = bars.map((bar) => bar.reduce((sum, one) => sum + one));
    assert.equal(Math.round(lengths[0]), 1000);
    assert.deepEqual(lengths, lengths.toSorted((a, b) => b - a));
    await accessible(page, `ages-${width}`);
  }
  // All of it at once: files, and some being sent.
  const page = await newPage();
  await page.goto(url);
  await throttle(page, 6 * MiB);
  await choose(page, { "interview 5.mp4": Buffer.alloc(64 * MiB), "notes.txt": "notes" });
  await becomes(page, "notes.txt", "done");
  await moving(page, "interview 5.mp4");
  await page.getByLabel("Select interview 2.mp4").check();
  await page.evaluate(() => scrollTo(0, 0));
  await accessible(page, "sending-beside");
});
