// Labelled controls: a slider, and a choice among a few options.

import { freshId, h, rich } from "./elements.js";

/**
 * A slider with its label and its value. `format` makes the text of a value, which a screen reader
 * says too.
 * @param {{
 *   label: string, min: number, max: number, step?: number,
 *   format?: (value: number) => string, oninput: (value: number) => void,
 * }} options where `label` is markup
 */
export function slider({ label, min, max, step = 1, format = (v) => `${v}`, oninput }) {
  const id = freshId();
  const output = h("output", { for: id });
  const input = h("input", {
    id,
    type: "range",
    min,
    max,
    step,
    oninput: () => oninput(+input.value),
  });
  const element = h(
    "div",
    { class: "ssl-control ssl-slider" },
    h("label", { for: id }, rich(label), " ", output),
    input,
  );
  /** @param {number} value */
  const set = (value) => {
    input.value = `${value}`;
    output.textContent = format(value);
    input.setAttribute("aria-valuetext", format(value));
  };
  return { element, input, set };
}

/**
 * A logarithmic scale for a slider with the positions 0, 1, …, `positions`: from `least` to `most`,
 * rounded to `digits` significant digits.
 * @param {number} least
 * @param {number} most
 * @param {number} positions
 * @param {number} digits
 */
export function logScale(least, most, positions, digits) {
  /** @param {number} value */
  const round = (value) => +value.toPrecision(digits);
  return {
    positions,
    /** @param {number} position */
    at: (position) => round(least * (most / least) ** (position / positions)),
    /** @param {number} value */
    of: (value) => Math.round((positions * Math.log(value / least)) / Math.log(most / least)),
    /** @param {number} value */
    text: (value) => `${round(value)}`,
  };
}

/**
 * A number with `digits` decimals, and a minus sign that is as wide as a plus sign.
 * @param {number} value
 */
export const fixed = (value, digits = 3) => value.toFixed(digits).replace("-", "−");

/**
 * A choice among a few options, by radio buttons in a row: the browser handles their keyboard.
 * @param {{ label: string, options: string[][], onchange: (value: string) => void }} options
 *   `label` is markup, an option is its value and its text
 */
export function choice({ label, options, onchange }) {
  const name = freshId();
  const inputs = options.map(([value]) =>
    h("input", { type: "radio", name, value, onchange: () => onchange(value) }),
  );
  const element = h(
    "fieldset",
    { class: "ssl-control ssl-choice" },
    h("legend", {}, rich(label)),
    h("div", {}, ...options.map(([, text], i) => h("label", {}, inputs[i], h("span", {}, text)))),
  );
  /** @param {string} value */
  const set = (value) => {
    for (const input of inputs) input.checked = input.value === value;
  };
  return { element, inputs, set };
}
