// The page: signing in, and the three views behind it.

import { Api } from "./api.js";
import { find, show } from "./dom.js";
import { fileMade, loadFiles, startFiles } from "./files.js";
import { ask } from "./question.js";
import { pauseAll, sending, startSending, uploadCancelled } from "./sending.js";
import { loadSpace, startSpace } from "./space.js";
import { loadUploads, startUploads } from "./uploads.js";

const keyPlace = "uploadd.key"; // in the storage of this tab, which ends with it

const views = {
  files: ["Files", loadFiles],
  uploads: ["Uploads", loadUploads],
  space: ["Space", loadSpace],
};

// admitted asks the server whether a key opens it, "" for none. It yields what the
// server says of the key's project; null when the key may do other things only.
async function admitted(key) {
  try {
    return await new Api(key).usage();
  } catch (error) {
    if (error.code === "missing_scope") return null;
    throw error;
  }
}

async function start() {
  const key = sessionStorage.getItem(keyPlace) ?? "";
  try {
    enter(key, await admitted(key));
  } catch (error) {
    if (error.status === 401) {
      sessionStorage.removeItem(keyPlace);
      askForKey(key ? error : null);
    } else {
      askForKey(error, () => location.reload());
    }
  }
}

// askForKey shows why there is need to, if there is more to say than that; and again as
// a button, if a key may do later.
function askForKey(error, again) {
  const section = find("#sign-in");
  const problem = find(".message", section);
  const field = find("#key");
  section.hidden = false;
  show(problem, error, again);
  field.focus();
  find("form", section).addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = field.value.trim();
    try {
      if (!/^[!-~]+$/.test(key)) throw new Error("That is no key: a key has letters, digits and signs only.");
      const usage = await admitted(key);
      sessionStorage.setItem(keyPlace, key);
      field.value = "";
      section.hidden = true;
      enter(key, usage);
    } catch (error) {
      show(problem, error);
      field.focus();
    }
  });
}

function enter(key, usage) {
  const api = new Api(key);
  find("#views").hidden = false;
  find("#account").hidden = false;
  find("#who").textContent = usage ? `Project ${usage.project.id}` : "";
  if (usage?.key) find("#who").title = usage.key.id;
  const out = find("#sign-out");
  out.hidden = !key;
  out.addEventListener("click", signOut);
  startFiles(api);
  startUploads(api, uploadCancelled);
  startSpace(api);
  startSending(api, fileMade);
  window.addEventListener("hashchange", showView);
  showView();
}

async function signOut() {
  if (sending() && !await ask("Sign out?", "Files are being sent. They can go on after you sign in again, with the same files.", "Sign out", "Stay")) return;
  pauseAll();
  sessionStorage.removeItem(keyPlace);
  location.reload(); // nothing of the project stays behind
}

function showView() {
  const name = location.hash.slice(1) in views ? location.hash.slice(1) : "files";
  const [title, load] = views[name];
  for (const section of document.querySelectorAll(".view")) section.hidden = section.id !== name;
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${title} · uploadd`;
  load();
}

start();
