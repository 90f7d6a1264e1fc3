// The few pictures on buttons. Their buttons have names; the pictures say nothing.

const paths = {
  download: "M8 2v8m0 0L4.5 6.5M8 10l3.5-3.5M3 13.5h10",
  copy: "M6 6h7v7.5H6zM3 10V2.5h7",
  delete: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9M6.8 7v4M9.2 7v4",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}
