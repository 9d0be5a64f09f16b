// A decoder in the page, as tasks/decoders.py builds it: from the encoder's last feature map back
// to an image. The layers are those of `export_painter`: the encoder's convolutions (see
// convnet.js), then the decoder's. For a layer of the decoder, "up" says whether the map first
// grows to the size that it had one stage earlier, and "slope" is that of its leaky ReLU; 1 changes
// nothing.

/** @import { Layer, Numbers } from "../shared/types.js" */

import { convolve, layerSize } from "./convnet.js";

/**
 * Enlarge a map by repeating pixels, as torch's interpolation "nearest" does.
 * @param {Numbers} x (channels, size, size)
 * @param {number} channels
 * @param {number} size
 * @param {number} to the new size
 */
export function enlarged(x, channels, size, to) {
  const ratio = Math.fround(size / to); // torch computes in single precision
  const from = Array.from({ length: to }, (_, k) =>
    Math.min(size - 1, Math.floor(Math.fround(k * ratio))),
  );
  const out = new Float32Array(channels * to * to);
  for (let c = 0, k = 0; c < channels; c++)
    for (const y of from) for (const column of from) out[k++] = x[(c * size + y) * size + column];
  return out;
}

/**
 * The output of encoder and decoder for an image.
 * @param {Layer[]} layers
 * @param {Numbers} weights
 * @param {ArrayLike<number> & Iterable<number>} image (channels, size, size) in [0, 1]
 * @param {number} size
 * @returns {Float32Array} of the same shape, in [0, 1]
 */
export function paint(layers, weights, image, size) {
  let x = Float32Array.from(image, (v) => (v - 0.5) / 0.25);
  let channels = x.length / (size * size);
  let start = 0;
  /** @type {number[]} */
  const sizes = []; // of the maps before each stage, the image's first
  for (const layer of layers) {
    if (layer.slope === undefined)
      sizes.push(size); // the encoder's
    else if (layer.up) {
      const to = sizes.pop() ?? size;
      x = enlarged(x, channels, size, to);
      size = to;
    }
    const { y, outSize } = convolve(
      x,
      channels,
      size,
      weights,
      start,
      layer.out,
      layer.stride,
      layer.slope,
    );
    x = y;
    size = outSize;
    channels = layer.out;
    start += layerSize(layer);
  }
  return x.map((v) => 1 / (1 + Math.exp(-v)));
}
