// The box around an interactive figure.

/** @import { Rule, View } from "./types.js" */

import { pageRead } from "./canvas.js";
import { isDark } from "./colours.js";
import { h } from "./elements.js";
import { keepKey } from "./keyboard.js";
import { linkState } from "./link.js";

/**
 * Add the box of a figure to the page. `redraw` is called at most once a frame: after `queue()`, or
 * when the model (from Python too), the size or the theme changes. `end` undoes it all.
 * @param {View & { name: string, title: string }} figure where `name` is that of its folder, and
 *   `title` is for screen readers
 * @param {() => void} redraw
 * @param {Record<string, Rule>} [linked] the values that a link to the figure carries, with what
 *   each may be: see `allowed`
 */
export function frame({ model, el, name, title }, redraw, linked = {}) {
  const root = h("section", {
    class: `ssl-explorable ssl-of-${name}`,
    "aria-label": title,
    onkeydown: keepKey,
  });
  el.append(root);
  if (el.classList.contains("ssl-widget") && Object.keys(linked).length)
    linkState(model, el, root, linked);
  let waiting = false;
  let asked = 0;
  const draw = () => {
    waiting = false;
    redraw();
    root.dataset.drawn = "";
  };
  const queue = () => {
    if (waiting) return;
    waiting = true;
    pageRead(() => {
      asked = requestAnimationFrame(draw);
    });
  };
  const theme = () => {
    root.dataset.theme = isDark() ? "dark" : "light";
    queue();
  };
  const sizes = new ResizeObserver(queue);
  const page = new MutationObserver(theme);
  const system = matchMedia("(prefers-color-scheme: dark)");
  sizes.observe(root);
  for (const element of [document.documentElement, document.body])
    page.observe(element, {
      attributeFilter: ["data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind"],
    });
  system.addEventListener("change", theme);
  model.on("change", queue);
  theme();
  const end = () => {
    cancelAnimationFrame(asked);
    sizes.disconnect();
    page.disconnect();
    system.removeEventListener("change", theme);
    model.off("change", queue);
    root.remove();
  };
  return { root, queue, end };
}
