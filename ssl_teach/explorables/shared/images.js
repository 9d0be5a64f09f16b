// Images as numbers, and as canvases.

/** @import { Numbers } from "./types.js" */

import { bitmap } from "./canvas.js";

/**
 * Cut a square out of an image.
 * @param {Numbers} pixels (size, size, channels) in 0…255
 * @param {number} size
 * @param {number} channels
 * @param {number[]} corner row and column of the upper left pixel
 * @param {number} side
 * @returns {Float32Array} (channels, side, side) in [0, 1]
 */
export function cutOut(pixels, size, channels, [top, left], side) {
  const out = new Float32Array(channels * side * side);
  for (let c = 0, k = 0; c < channels; c++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++, k++)
        out[k] = pixels[((top + y) * size + left + x) * channels + c] / 255;
  return out;
}

/**
 * Bytes (size, size, channels) as an image (channels, size, size) in [0, 1].
 * @param {Numbers} pixels
 * @param {number} channels
 * @param {number} size
 */
export const imageOf = (pixels, channels, size) => cutOut(pixels, size, channels, [0, 0], size);

/**
 * A canvas of an image.
 * @param {Numbers} image (channels, size, size) in [0, 1]
 * @param {number} channels 1 or 3
 * @param {number} size
 */
export function bitmapOf(image, channels, size) {
  const plane = channels === 3 ? size * size : 0;
  return bitmap(size, size, (x, y) => {
    const at = y * size + x;
    return [255 * image[at], 255 * image[plane + at], 255 * image[2 * plane + at]];
  });
}

/**
 * Red, green and blue of the pixel that begins at a byte.
 * @param {Numbers} pixels
 * @param {number} at
 * @param {number} channels 1 or 3
 */
export const rgbAt = (pixels, at, channels) =>
  channels === 3 ? [pixels[at], pixels[at + 1], pixels[at + 2]] : Array(3).fill(pixels[at]);

/**
 * A canvas of bytes (height, width, channels) that begin at `start`.
 * @param {Numbers} pixels
 * @param {number[]} shape [height, width, channels]
 */
export const bitmapOfBytes = (pixels, [height, width, channels], start = 0) =>
  bitmap(width, height, (x, y) => rgbAt(pixels, start + (y * width + x) * channels, channels));
