// Bars, one for each purpose, cut into ages. The table beside them says the same, so
// that they are a picture alone.

import { h } from "./dom.js";
import { bytes } from "./format.js";

const width = 1000; // of the longest bar; the page stretches it

// chart draws rows: {purpose, bytes, byAge}, the largest first.
export function chart(rows) {
  const scale = width / Math.max(rows[0].bytes, 1);
  return h("div", { class: "chart", "aria-hidden": "true" }, rows.map((row) => [
    h("div", { class: "line" }, h("span", {}, row.purpose), h("span", { class: "faint" }, bytes(row.bytes))),
    bar(row.byAge.map((one) => one.bytes * scale)),
  ]));
}

function bar(lengths) {
  const root = svg("svg", { viewBox: `0 0 ${width} 1`, preserveAspectRatio: "none" });
  let left = 0;
  lengths.forEach((length, age) => {
    if (length > 0) root.append(svg("rect", { x: left, width: Math.max(length, 1), height: 1, class: `age-${age}` }));
    left += length;
  });
  return root;
}

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
