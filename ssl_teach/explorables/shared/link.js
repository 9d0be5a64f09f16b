// A link that carries the state of a figure.

/** @import { Model, Rule } from "./types.js" */

import { button, h } from "./elements.js";

/**
 * The value that the text of a link stands for, or undefined if the rule does not allow it: anyone
 * can write a link.
 * @param {Rule} rule [least, most] for integers, { least, most } for any numbers, true for true
 *   or false, { of: words } for one of some words, { list: rule, length } for several values; or a
 *   function of the text, where these do not suffice
 * @param {string} text
 * @returns {any}
 */
export function allowed(rule, text) {
  if (typeof rule === "function") return rule(text);
  if (rule === true) return text === "true" ? true : text === "false" ? false : undefined;
  if ("of" in rule) return rule.of.includes(text) ? text : undefined;
  if ("list" in rule) {
    const values = text.split(",").map((part) => allowed(rule.list, part));
    return values.length === rule.length && !values.includes(undefined) ? values : undefined;
  }
  const whole = Array.isArray(rule);
  const [least, most] = whole ? rule : [rule.least, rule.most];
  const value = text.trim() === "" ? NaN : Number(text);
  return value >= least && value <= most && (!whole || Number.isInteger(value)) ? value : undefined;
}

/**
 * The address of this page with the state of a figure in it: page.html?circle.tau=0.2#circle
 * @param {string} address
 * @param {string} id of the figure's place in the page
 * @param {Record<string, unknown>} values
 */
export function linkTo(address, id, values) {
  const url = new URL(address);
  for (const name of [...url.searchParams.keys()])
    if (name.startsWith(`${id}.`)) url.searchParams.delete(name);
  for (const [name, value] of Object.entries(values))
    url.searchParams.set(`${id}.${name}`, `${value}`);
  url.hash = id;
  return url.href;
}

/**
 * Take the state from the page's address, and add a button that copies a link with the state.
 * @param {Model} model
 * @param {HTMLElement} el
 * @param {HTMLElement} root
 * @param {Record<string, Rule>} linked
 */
export function linkState(model, el, root, linked) {
  const query = new URL(document.location.href).searchParams;
  for (const [name, rule] of Object.entries(linked)) {
    const text = query.get(`${el.id}.${name}`);
    const value = text === null ? undefined : allowed(rule, text);
    if (value !== undefined) model.set(name, value);
  }
  const shown = h("input", {
    type: "text",
    readonly: true,
    hidden: true,
    "aria-label": "Link to this state",
    onfocus: () => shown.select(),
    onkeydown: (/** @type {Event} */ event) => event.stopPropagation(), // no letter is a command
  });
  const words = h("span", { class: "ssl-quiet", role: "status" });
  const copy = async () => {
    const state = Object.keys(linked).map((name) => [name, model.get(name)]);
    const kept = state.filter(([name, value]) => allowed(linked[name], `${value}`) !== undefined);
    const without =
      kept.length < state.length
        ? " Some of the state cannot be in a link: your own image, for example, stays in this page."
        : "";
    shown.value = linkTo(document.location.href, el.id, Object.fromEntries(kept));
    try {
      await navigator.clipboard.writeText(shown.value);
      words.textContent = without
        ? `Copied.${without}`
        : "Copied: it brings back what you see now.";
    } catch {
      // the browser forbids it, as on pages that are not secure: the reader copies by hand
      shown.hidden = false;
      shown.focus();
      words.textContent = `Copy this link.${without}`;
    }
  };
  const foot = h(
    "div",
    { class: "ssl-foot" },
    button("Copy link to this state", copy, { class: "ssl-button ssl-small" }),
    words,
    shown,
  );
  queueMicrotask(() => root.append(foot)); // last, after the figure has added its own parts
}
