// The little that is needed to make elements.

import { moment } from "./format.js";

// h makes an element: properties that are functions listen, the others are
// attributes (false and null leave one out, true makes an empty one).
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const find = (selector, within = document) => within.querySelector(selector);

// button makes one. name is what it is called where its text alone does not say.
export const button = (text, click, { name, ...properties } = {}) =>
  h("button", { type: "button", "aria-label": name, click, ...properties }, text);

// time shows a moment in words, with the exact one behind it.
export const time = (unix, words) =>
  h("time", { datetime: new Date(unix * 1000).toISOString(), title: moment(unix) }, words);

// say tells those who do not see the page what has happened.
export function say(text) {
  find("#said").textContent = text;
}

// show puts an error into its place: the server's own words and the request's id.
// Without an error the place is cleared. again, if given, is offered as a button.
export function show(place, error, again) {
  place.replaceChildren();
  if (!error) return;
  place.append(h("p", { class: "error" }, error.message, requestOf(error), again ? button("Try again", again) : null));
}

// requestOf is the id of the request that was refused, to be looked up in the log.
export const requestOf = (error) => (error.requestId ? h("small", {}, `Request ${error.requestId}`) : null);
