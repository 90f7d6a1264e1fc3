// The page without a mouse: signing in, sending, looking, deleting; and the focus is
// always to be seen, and never lost.

import { accessible, assert, becomes, choose, rows, url, walk } from "./browser.mjs";

// focus is the name of what has it.
const focus = (page) => page.evaluate(() => {
  const element = document.activeElement;
  return element.getAttribute("aria-label") ?? element.labels?.[0]?.firstChild.textContent.trim() ?? element.textContent.trim();
});

// tabTo presses the key until something of that name has the focus.
async function tabTo(page, name, key = "Tab") {
  const passed = [];
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press(key);
    const here = await focus(page);
    if (here === name) {
      const style = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(style, "none", `the focus on ${name} is not to be seen`);
      return;
    }
    passed.push(here);
  }
  assert.fail(`no way to '${name}' past ${passed.join(", ")}`);
}

await walk(async (newPage) => {
  const page = await newPage();
  await page.goto(url);
  await page.getByLabel("API key").waitFor();
  assert.equal(await focus(page), "API key");
  await page.keyboard.type(process.env.KEY);
  await page.keyboard.press("Enter");
  await page.getByText("There are no files yet.").waitFor();

  await tabTo(page, "Choose files…");
  await page.evaluate(() => {
    globalThis.opened = new Promise((resolve) => {
      document.querySelector("#pick").addEventListener("click", (event) => {
        event.preventDefault(); // the browser's own dialog, in which keys are its own
        resolve(navigator.userActivation.isActive);
      }, { once: true });
    });
  });
  await page.keyboard.press("Enter");
  assert.ok(await page.evaluate(() => globalThis.opened), "the browser lets the page open its dialog");
  await choose(page, { "first.txt": "first", "second.txt": "second" });
  await becomes(page, "second.txt", "done");
  await rows(page).nth(1).waitFor();
  await tabTo(page, "Clear finished", "Shift+Tab");
  await page.keyboard.press("Space");
  assert.equal(await focus(page), "Choose files…", "the focus after what had it is gone");

  // Details are a dialog: Escape closes it, and the focus is where it was.
  await tabTo(page, "first.txt");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  assert.equal(await focus(page), "Close");
  await tabTo(page, "Copy id", "Shift+Tab");
  await page.keyboard.press("Escape");
  assert.equal(await focus(page), "first.txt");

  // Searching, and what is said of it to those who do not see it.
  await tabTo(page, "Search", "Shift+Tab");
  await page.keyboard.type("second");
  await page.locator("#said").getByText("Found 1 file.").waitFor();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await rows(page).nth(1).waitFor();

  // Deleting asks first, with the harmless answer at hand.
  await tabTo(page, "Select first.txt");
  await page.keyboard.press("Space");
  await tabTo(page, "Delete 1 file…");
  await page.keyboard.press("Enter");
  await page.getByRole("alertdialog").waitFor();
  assert.equal(await focus(page), "Keep");
  await page.keyboard.press("Enter");
  assert.equal(await focus(page), "Delete 1 file…");
  await page.keyboard.press("Enter");
  await tabTo(page, "Delete");
  await page.keyboard.press("Enter");
  await page.locator("#said").getByText("Deleted first.txt.").waitFor();
  assert.equal(await focus(page), "Files");
  assert.equal(await rows(page).count(), 1);

  await tabTo(page, "Space", "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("rowheader", { name: "user_data" }).waitFor();
  await accessible(page, "space-keyboard");
  await tabTo(page, "Sign out");
  await page.keyboard.press("Enter");
  await page.getByLabel("API key").waitFor();
});
