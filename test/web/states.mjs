// Every state of the page, wide and narrow, held against the rules of accessibility;
// and pausing, cancelling, dropping, searching and deleting.

import { writeFileSync } from "node:fs";
import { MiB, accessible, assert, becomes, choose, moving, pathOf, rows, throttle, transfer, until, url, walk } from "./browser.mjs";

const view = (page, name) => page.getByRole("link", { name, exact: true }).click();
const uploads = async (page) => (await (await page.request.get(`${url}v1/uploads`)).json()).data;

async function states(page, size) {
  const sent = `film ${size}.mp4`;
  await page.goto(url);
  await page.getByText(/^\d+ files?$|There are no files yet/).first().waitFor();
  await accessible(page, `files-first-${size}`);

  // Sent slowly, paused, resumed, cancelled.
  await throttle(page, 2 * MiB);
  await choose(page, { [sent]: Buffer.alloc(20 * MiB, size), [`other ${size}.txt`]: "abc" });
  await moving(page, sent);
  await becomes(page, `other ${size}.txt`, "done");
  await accessible(page, `sending-${size}`);
  await page.getByRole("button", { name: `Pause sending ${sent}` }).click();
  await becomes(page, sent, "paused");
  let requests = 0;
  const count = () => requests++;
  page.on("request", count);
  await page.waitForTimeout(700);
  page.off("request", count);
  assert.equal(requests, 0, "nothing is sent while it is paused");
  await accessible(page, `paused-${size}`);
  await view(page, "Uploads");
  await page.getByRole("row").filter({ hasText: sent }).getByText("of 20.0 MiB").waitFor();
  await accessible(page, `uploads-${size}`);
  await page.getByRole("button", { name: sent, exact: true }).click();
  await page.getByRole("dialog").getByText("20,971,520 bytes").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await view(page, "Files");
  await throttle(page, -1);
  await page.getByRole("button", { name: `Resume sending ${sent}` }).click();
  await becomes(page, sent, "done");

  await throttle(page, MiB);
  await choose(page, { [`unwanted ${size}.mp4`]: Buffer.alloc(20 * MiB) });
  await becomes(page, `unwanted ${size}.mp4`, "sending");
  await page.getByRole("button", { name: `Cancel sending unwanted ${size}.mp4` }).click();
  await page.getByRole("alertdialog").waitFor();
  await accessible(page, `question-${size}`);
  await page.getByRole("button", { name: "Cancel it" }).click();
  await becomes(page, `unwanted ${size}.mp4`, "cancelled");
  await throttle(page, -1);
  const statuses = Object.fromEntries((await uploads(page)).map((upload) => [upload.filename, upload.status]));
  assert.equal(statuses[`unwanted ${size}.mp4`], "cancelled");
  assert.equal(statuses[sent], "completed");

  // Interrupted by a reload; cancelled on the other view.
  await throttle(page, MiB);
  await choose(page, { [`interrupted ${size}.mp4`]: Buffer.alloc(20 * MiB) });
  await becomes(page, `interrupted ${size}.mp4`, "sending");
  await until("it has an Upload", async () => (await uploads(page)).some((upload) => upload.filename === `interrupted ${size}.mp4`));
  await page.reload();
  await throttle(page, -1);
  await becomes(page, `interrupted ${size}.mp4`, "interrupted");
  await accessible(page, `interrupted-${size}`);
  await view(page, "Uploads");
  await page.getByRole("button", { name: `Cancel the Upload of interrupted ${size}.mp4` }).click();
  await page.getByRole("button", { name: "Cancel it" }).click();
  await page.getByText("Nothing is under way.").waitFor();
  await becomes(page, `interrupted ${size}.mp4`, "cancelled");
  await view(page, "Files");

  // Details, with the parts.
  await page.getByRole("button", { name: sent, exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("3 parts").click();
  assert.equal(await dialog.locator("tbody tr").count(), 3);
  assert.match(await dialog.innerText(), /CRC-32C\s+[0-9a-f]{8}/);
  await accessible(page, `details-${size}`);
  await page.keyboard.press("Escape");

  await view(page, "Space");
  await page.getByRole("cell", { name: "user_data" }).or(page.getByRole("rowheader", { name: "user_data" })).first().waitFor();
  await accessible(page, `space-${size}`);
  await view(page, "Files");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `the page is ${wide} px wider than its window`);
}

await walk(async (newPage) => {
  const page = await newPage();
  await states(page, 1180);
  await states(await newPage({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }), 360);

  // A file that changes while it is being sent is not sent in part as it was and in part
  // as it is.
  await throttle(page, 2 * MiB);
  await choose(page, { "changing.txt": Buffer.alloc(20 * MiB) });
  await moving(page, "changing.txt");
  // Another tab does not send it as well.
  const tab = await page.context().newPage();
  await tab.goto(url);
  await becomes(tab, "changing.txt", "interrupted");
  await tab.getByLabel("Choose changing.txt again").setInputFiles(pathOf("changing.txt"));
  await becomes(tab, "changing.txt", "failed");
  await transfer(tab, "changing.txt").getByText("Another tab is sending this file.").waitFor();
  await tab.close();
  writeFileSync(pathOf("changing.txt"), Buffer.alloc(20 * MiB, 1));
  await throttle(page, -1);
  await becomes(page, "changing.txt", "failed");
  await transfer(page, "changing.txt").getByText(/it was changed, moved or deleted|has changed/).waitFor();
  await accessible(page, "changed");
  await page.getByLabel("Choose changing.txt again").setInputFiles(pathOf("changing.txt"));
  // As it is now it is another file, if any part of it had arrived as it was.
  const outcome = transfer(page, "changing.txt").getByText(/· done$|is not the one that has arrived/);
  await outcome.waitFor();
  if (!(await outcome.innerText()).endsWith("done")) {
    await page.getByRole("button", { name: "Start over with changing.txt" }).click();
    await becomes(page, "changing.txt", "done");
  }

  // Files are dropped onto the page.
  await page.goto(url);
  await rows(page).first().waitFor();
  const data = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["dropped"], "dropped.txt", { type: "text/plain" }));
    return data;
  });
  await page.getByLabel("Purpose").first().selectOption("batch");
  await page.getByLabel("Expires").selectOption("86400");
  await page.dispatchEvent("body", "dragover", { dataTransfer: data });
  await page.getByText("Drop to send").waitFor();
  await page.dispatchEvent("body", "drop", { dataTransfer: data });
  await becomes(page, "dropped.txt", "done");
  const dropped = rows(page).filter({ hasText: "dropped.txt" });
  assert.match(await dropped.innerText(), /batch[^]*in 23 hours|batch[^]*in 1 day/);
  await choose(page, { "empty.txt": "" });
  await becomes(page, "empty.txt", "done");

  // Search and order.
  await page.getByLabel("Search").fill("DROP");
  await page.getByText("1 find", { exact: true }).waitFor();
  assert.equal(await rows(page).count(), 1);
  await page.getByLabel("Search").fill("nothing is called so");
  await page.getByText("No file fits.").waitFor();
  await page.getByLabel("Search").fill("");
  await page.getByLabel("Sort").selectOption("smallest first");
  await until("the smallest is first", async () => /empty\.txt/.test(await rows(page).first().innerText()));
  await page.getByLabel("Purpose").last().selectOption("batch");
  await page.getByText("2 finds", { exact: true }).waitFor();
  assert.deepEqual(await rows(page).getByRole("button", { name: /^(empty|dropped)\.txt$/ }).allInnerTexts(), ["empty.txt", "dropped.txt"]);
  await page.getByLabel("Purpose").last().selectOption("all");
  await page.getByLabel("Sort").selectOption("newest first");
  await rows(page).nth(2).waitFor();

  // Deleting many, after a question.
  const before = await rows(page).count();
  await page.getByLabel("Select dropped.txt").check();
  await page.getByLabel("Select empty.txt").check();
  await page.getByRole("button", { name: "Delete 2 files" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Keep" }).click();
  assert.equal(await rows(page).count(), before);
  await page.getByRole("button", { name: "Delete 2 files" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await until("they are gone", async () => await rows(page).count() === before - 2);
  await page.getByLabel("Select all files on this page").check();
  await page.getByRole("button", { name: `Delete ${before - 2} files` }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("There are no files yet.").waitFor();
  assert.deepEqual((await (await page.request.get(`${url}v1/files`)).json()).data, []);
});
