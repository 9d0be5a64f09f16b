// Elements, text and buttons, and words for screen readers.

/** @import { Child } from "./types.js" */

/**
 * Make an element: h("button", { type: "button", onclick }, "Next").
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes] "on…" adds a listener; true sets an attribute without a
 *   value; false, null and undefined leave it out, but "aria-…" says false in words
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && value != null) element.setAttribute(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * Parse markup of our own, such as "s<sub>ij</sub>". Never give it text from a reader.
 * @param {string} markup
 */
export function rich(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return template.content;
}

let lastId = 0;

/** An id that no other element has, in any figure of the document. */
export const freshId = () => `ssl-x${++lastId}-${Math.random().toString(36).slice(2, 7)}`;

/**
 * @param {string} markup of the label
 * @param {() => void} onclick
 * @param {Record<string, any>} [attributes]
 */
export function button(markup, onclick, attributes = {}) {
  return h("button", { type: "button", class: "ssl-button", onclick, ...attributes }, rich(markup));
}

/** An element whose words a screen reader says; the same words in a row are said once. */
export function liveRegion() {
  const element = h("p", { class: "ssl-hidden", "aria-live": "polite", role: "status" });
  /** @param {string} text */
  const say = (text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  return { element, say };
}

/**
 * The paragraph below a figure that says what to look for.
 * @param {...Child} children
 */
export const notice = (...children) =>
  h("p", { class: "ssl-notice" }, h("b", {}, "What to notice."), " ", ...children);
