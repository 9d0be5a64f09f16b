// Thumbnails to choose from, of one set at a time. The reader's own image is the last of them.

/** @import { Child } from "./types.js" */

import { h } from "./elements.js";
import { ownImage } from "./own_image.js";

/**
 * @param {{
 *   data: {
 *     count: number, size: number, channels: number,
 *     setOwn: (bytes: Uint8Array) => void, nameOf: (...names: any[]) => string,
 *   },
 *   target: HTMLElement,
 *   className: string,
 *   choose: (values: { picture: number }) => void,
 *   draw: (set: string, k: number) => HTMLCanvasElement,
 *   nameOf?: (set: string, k: number) => string,
 *   onown?: () => void,
 * }} options the images in `data` are numbered 0 to `count` - 1, and the reader's own is `count`;
 *   it may be dropped onto `target`; `nameOf` says what an image shows
 */
export function album({
  data,
  target,
  className,
  choose,
  draw,
  nameOf = (_set, k) => data.nameOf(k),
  onown = () => {},
}) {
  const strip = h("div", { class: className, role: "group", "aria-label": "Choose an image" });
  /** @type {HTMLButtonElement[]} */
  const buttons = [];
  /** @type {string | null} */
  let shown = null;
  /** @type {(k: number, ...marks: Child[]) => void} */
  const add = (k, ...marks) => {
    buttons[k] ??= h(
      "button",
      {
        type: "button",
        class: k < data.count ? null : "ssl-yours",
        onclick: () => choose({ picture: k }),
      },
      h("canvas"),
      ...marks,
    );
    strip.append(buttons[k]);
  };
  for (let k = 0; k < data.count; k++) add(k);
  const own = ownImage({
    target,
    size: data.size,
    channels: data.channels,
    onimage: (bytes) => {
      data.setOwn(bytes);
      add(data.count, h("span", {}, "yours"));
      shown = null;
      onown();
      choose({ picture: data.count });
    },
  });
  /** @type {(set: string, chosen: number) => void} */
  const update = (set, chosen) => {
    if (shown !== set)
      buttons.forEach((element, k) => {
        element.firstChild?.replaceWith(draw(set, k));
        element.setAttribute("aria-label", nameOf(set, k));
      });
    shown = set;
    buttons.forEach((element, k) => element.setAttribute("aria-pressed", `${k === chosen}`));
  };
  return { strip, own: own.element, update };
}
