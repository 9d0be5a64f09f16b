// The theme of the page, and its colours.

/** @import { Colour } from "./types.js" */

/**
 * Whether the page is dark: by Sphinx's theme, JupyterLab, Colab or VS Code, else by the system.
 */
export function isDark() {
  const html = document.documentElement;
  const { dataset } = document.body;
  const theme = html.dataset.theme ?? html.getAttribute("theme");
  if (theme === "dark" || theme === "light") return theme === "dark";
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "false";
  if (dataset.vscodeThemeKind) return !dataset.vscodeThemeKind.endsWith("light");
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * A colour that frame.css names.
 * @param {HTMLElement} root of the figure
 * @param {string} name "--ssl-warm"
 * @returns {Colour}
 */
export function colour(root, name) {
  const hex = getComputedStyle(root).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** @param {Colour} rgb */
export const css = (rgb) => `rgb(${rgb.map(Math.round).join(" ")})`;

/**
 * The colour at fraction `t` of the way from `a` to `b`.
 * @param {Colour} a
 * @param {Colour} b
 * @param {number} t
 */
export const mix = (a, b, t) => a.map((v, i) => v + (b[i] - v) * t);
