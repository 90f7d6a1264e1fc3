// A server with low limits: it takes small parts alone; and when the time of an Upload is
// up, what had arrived is gone, and the page says so.

import { MiB, assert, becomes, choose, transfer, url, walk } from "./browser.mjs";

await walk(async (newPage) => {
  const page = await newPage();
  await page.goto(url);
  await choose(page, { "in small parts.bin": Buffer.alloc(5 * MiB) });
  await becomes(page, "in small parts.bin", "done");
  await page.route("**/parts", (route) => route.abort()); // the network is away
  await choose(page, { "slow.txt": "slow", "left behind.txt": "left behind" });
  for (const name of ["slow.txt", "left behind.txt"]) {
    await transfer(page, name).getByText("The server does not answer.").waitFor();
    await page.getByRole("button", { name: `Pause sending ${name}` }).click();
    await becomes(page, name, "paused");
  }
  await page.waitForTimeout(Number(process.env.TTL));
  await page.unroute("**/parts");
  await page.getByRole("button", { name: "Resume sending slow.txt" }).click();
  await transfer(page, "slow.txt").getByText("The Upload is expired, and what had arrived is gone.").waitFor();
  await page.getByRole("button", { name: "Resume sending slow.txt" }).click();
  await becomes(page, "slow.txt", "done");

  // What has expired is not offered after a reload.
  await page.reload();
  await page.getByRole("button", { name: "slow.txt", exact: true }).waitFor();
  await page.waitForLoadState("networkidle");
  assert.equal(await page.locator("#transfers li").count(), 0);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
});
