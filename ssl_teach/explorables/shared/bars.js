// Bars with whiskers in a table of class "ssl-chart", one in each cell.

import { h } from "./elements.js";

/**
 * A table cell with a bar, whiskers on both sides of its end, and a line at chance.
 * @param {number} mean in [0, 1], as the others
 * @param {number} half half the width of the confidence interval; 0 for no whiskers
 * @param {number | null} [chance]
 */
export function barCell(mean, half, chance) {
  /** @param {number} x */
  const at = (x) => `${Math.min(100, Math.max(0, 100 * x))}%`;
  const bar = h("div", { class: "ssl-bar" });
  const cell = h("td", { class: "ssl-track", "aria-hidden": "true" }, bar);
  bar.style.width = at(mean);
  if (half > 0) {
    const whisker = h("div", { class: "ssl-whisker" });
    const low = Math.max(0, mean - half);
    const high = Math.min(1, mean + half);
    Object.assign(whisker.style, { left: at(low), width: at(high - low) });
    cell.append(whisker);
  }
  if (chance != null) {
    const line = h("div", { class: "ssl-chance" });
    line.style.left = at(chance);
    cell.append(line);
  }
  return cell;
}

/**
 * A fraction in per cent. Halves are rounded away from zero, as `decimal` in records.py does.
 * @param {number} value
 */
export const percent = (value) => (100 * value + 1e-9 * Math.sign(value)).toFixed(1);

/**
 * "52.5 ± 3.1", or only the mean if there is no interval.
 * @param {number} mean
 * @param {number} half
 */
export const withHalf = (mean, half) => percent(mean) + (half > 0 ? ` ± ${percent(half)}` : "");
