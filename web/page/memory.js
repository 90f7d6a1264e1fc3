// What this browser remembers of Uploads that it began, so that they can go on after
// the page was closed: never a key, and nothing of a file but its name and size.
// Whether an entry may be seen is for the server to say, which knows whose Upload it
// is.

const prefix = "uploadd.upload.";

// An entry: {id, name, size, options, expiresAt, partSize, parts}. options are those
// the Upload was created with; parts holds the id of each part that has arrived, by
// its place, or null.

export function remember(entry) {
  try {
    localStorage.setItem(prefix + entry.id, JSON.stringify(entry));
  } catch {
    // Storage is full or refused: it cannot be resumed after a reload, and that is all.
  }
}

export function forget(id) {
  localStorage.removeItem(prefix + id);
}

// remembered lists the entries, and forgets those whose Upload has expired.
export function remembered() {
  const entries = [];
  for (const name of Object.keys(localStorage).filter((name) => name.startsWith(prefix))) {
    try {
      const entry = JSON.parse(localStorage.getItem(name));
      if (entry.expiresAt * 1000 > Date.now()) entries.push(entry);
      else localStorage.removeItem(name);
    } catch {
      localStorage.removeItem(name);
    }
  }
  return entries.sort((a, b) => a.expiresAt - b.expiresAt);
}

// alone runs work while no other tab of this browser sends the same Upload, or
// throws. (Browsers have locks only where the connection is secure.)
export async function alone(id, work) {
  if (!navigator.locks) return work();
  return navigator.locks.request(prefix + id, { ifAvailable: true }, (lock) => {
    if (!lock) throw new Error("Another tab is sending this file.");
    return work();
  });
}
