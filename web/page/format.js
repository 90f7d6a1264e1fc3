// Numbers and times as people read them.

const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

// bytes is a size, whose unit stays with its number.
export function bytes(n) {
  if (n === 1) return "1\u00a0byte";
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)}\u00a0${units[unit]}`;
}

export const count = (n) => n.toLocaleString("en");

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

const steps = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

// duration is a number of seconds in the largest unit of which there is one.
export function duration(seconds) {
  const [name, size] = steps.find(([, size]) => seconds >= size) ?? steps.at(-1);
  return plural(Math.floor(seconds / size), name);
}

// left is how long something still takes.
export function left(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const [h, m, s] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  return h ? `${h} h ${m} min left` : m ? `${m} min ${s} s left` : `${Math.max(s, 1)} s left`;
}

const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
export const moment = (unix) => date.format(unix * 1000);

export const ago = (unix, now = Date.now() / 1000) => (now - unix < 1 ? "just now" : `${duration(now - unix)} ago`);

export function until(unix, now = Date.now() / 1000) {
  if (unix === null) return "never";
  return unix <= now ? "now" : `in ${duration(unix - now)}`;
}
