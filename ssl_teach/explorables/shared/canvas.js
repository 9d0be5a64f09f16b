// Canvases, and when they are drawn.

/** @import { Numbers } from "./types.js" */

import { h } from "./elements.js";

/**
 * Call once the whole page has been read, so that drawing one figure does not delay those below it.
 * @param {() => void} call
 */
export function pageRead(call) {
  if (document.readyState !== "loading") call();
  else document.addEventListener("readystatechange", call, { once: true });
}

/**
 * The drawing context of a canvas. Every canvas has one of each type.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
export const contextOf = (canvas, settings) =>
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", settings));

/**
 * Set the size of a canvas in CSS pixels, at the resolution of the screen, and clear it.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function context2d(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.round(width * ratio);
  const t = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== t) Object.assign(canvas, { width: w, height: t });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = contextOf(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * An image as a canvas of its own size. It is filled once the page has been read, and before the
 * first `redraw`.
 * @param {number} width
 * @param {number} height
 * @param {(x: number, y: number) => Numbers} value red, green and blue of a pixel, 0 to 255
 */
export function bitmap(width, height, value) {
  const canvas = h("canvas", { width, height });
  pageRead(() => {
    const context = contextOf(canvas);
    const image = context.createImageData(width, height);
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++, at += 4) {
        const rgb = value(x, y);
        image.data[at] = rgb[0];
        image.data[at + 1] = rgb[1];
        image.data[at + 2] = rgb[2];
        image.data[at + 3] = 255;
      }
    context.putImageData(image, 0, 0);
  });
  return canvas;
}
