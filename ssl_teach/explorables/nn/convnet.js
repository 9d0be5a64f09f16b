// A small convolutional network in the page. The weights are one flat array, layer by layer: weight
// (out, in, 3, 3) or (out, in), then bias (out). Convolutions come first, each with a ReLU, then
// linear layers, with a ReLU where `relu` is true.

/** @import { Layer, Model, Numbers } from "../shared/types.js" */

import { bytesOf, decodeHalf, lazy } from "../shared/state.js";

/**
 * The number of weights and biases of a layer.
 * @param {Layer} layer
 */
export function layerSize({ kind, in: inputs, out }) {
  return out * (inputs * (kind === "conv" ? 9 : 1) + 1);
}

/**
 * Unpack the weights that packing.py packed: for each layer a scale for each row, in half
 * precision, then the rows, one signed byte a weight, then the biases, in half precision. More
 * bytes may follow.
 * @param {Uint8Array} bytes
 * @param {Layer[]} layers
 */
export function unpackWeights(bytes, layers) {
  const out = new Float32Array(layers.reduce((sum, layer) => sum + layerSize(layer), 0));
  let at = 0;
  let to = 0;
  const take = (count) => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  for (const layer of layers) {
    const rows = layer.out;
    const length = layerSize(layer) / rows - 1;
    const scales = decodeHalf(take(2 * rows));
    const steps = take(rows * length);
    for (let r = 0, k = 0; r < rows; r++)
      for (let i = 0; i < length; i++) out[to++] = scales[r] * ((steps[k++] << 24) >> 24);
    out.set(decodeHalf(take(2 * rows)), to);
    to += rows;
  }
  return out;
}

/**
 * The weights of one network, from byte `start` on. They are unpacked when they are first used.
 * @param {Model} model
 * @param {Layer[]} layers
 */
export const weightsOf = (model, layers, start = 0) =>
  lazy(() => unpackWeights(bytesOf(model, "weights").subarray(start), layers));

/**
 * Every 3×3 patch of an image, padded by one zero, as a row: (positions, channels·9).
 * @param {Numbers} x (channels, size, size)
 * @param {number} channels
 * @param {number} size
 * @param {number} stride
 */
export function patches(x, channels, size, stride) {
  const outSize = Math.floor((size - 1) / stride) + 1;
  const length = channels * 9;
  const rows = new Float32Array(outSize * outSize * length);
  let r = 0;
  for (let oy = 0; oy < outSize; oy++)
    for (let ox = 0; ox < outSize; ox++)
      for (let c = 0; c < channels; c++)
        for (let ky = -1; ky <= 1; ky++) {
          const y = oy * stride + ky;
          const line = (c * size + y) * size;
          for (let kx = -1; kx <= 1; kx++, r++) {
            const px = ox * stride + kx;
            if (y >= 0 && y < size && px >= 0 && px < size) rows[r] = x[line + px];
          }
        }
  return { rows, outSize, length };
}

/**
 * A 3×3 convolution with padding 1 and a leaky ReLU. Each output is a row of weights times a patch.
 * @param {Numbers} x (channels, size, size)
 * @param {number} channels
 * @param {number} size
 * @param {Numbers} weights
 * @param {number} start of the layer's weights
 * @param {number} outChannels
 * @param {number} [stride]
 * @param {number} [slope] of the ReLU for negative inputs
 */
export function convolve(x, channels, size, weights, start, outChannels, stride = 1, slope = 0) {
  const { rows, outSize, length } = patches(x, channels, size, stride);
  const positions = outSize * outSize;
  const biases = start + outChannels * length;
  const y = new Float32Array(outChannels * positions);
  for (let o = 0; o < outChannels; o++) {
    const w = start + o * length; // this row of weights stays in the cache for all positions
    for (let p = 0; p < positions; p++) {
      const q = p * length;
      let even = 0;
      let odd = 0;
      let k = 0; // two sums, so that one addition need not wait for the other
      for (; k + 1 < length; k += 2) {
        even += weights[w + k] * rows[q + k];
        odd += weights[w + k + 1] * rows[q + k + 1];
      }
      if (k < length) even += weights[w + k] * rows[q + k];
      const sum = even + odd + weights[biases + o];
      y[o * positions + p] = sum < 0 ? slope * sum : sum;
    }
  }
  return { y, outSize };
}

/**
 * The representation of an image: the mean over the positions of the last feature map.
 * @param {Layer[]} layers
 * @param {Numbers} weights
 * @param {Numbers} image (channels, size, size) in [0, 1]
 * @param {number} size
 */
export function encode(layers, weights, image, size) {
  let x = Float32Array.from(image, (v) => (v - 0.5) / 0.25);
  let channels = x.length / (size * size);
  let start = 0;
  for (const layer of layers) {
    if (layer.kind !== "conv") break;
    const { y, outSize } = convolve(x, channels, size, weights, start, layer.out, layer.stride);
    x = y;
    size = outSize;
    channels = layer.out;
    start += layerSize(layer);
  }
  return meanPool(x, channels, size);
}

/**
 * The linear layers on a representation, or on several that are concatenated: the logits.
 * @param {Layer[]} layers
 * @param {Numbers} weights
 * @param {Float32Array} h
 */
export function applyHead(layers, weights, h) {
  let start = 0;
  for (const layer of layers) {
    if (layer.kind === "linear") {
      h = linear(h, weights, start, layer.out);
      if (layer.relu) h = h.map((v) => Math.max(0, v));
    }
    start += layerSize(layer);
  }
  return h;
}

/**
 * The logits of a network for an image.
 * @param {Layer[]} layers
 * @param {Numbers} weights
 * @param {Numbers} image (channels, size, size) in [0, 1]
 * @param {number} size
 */
export function forward(layers, weights, image, size) {
  return applyHead(layers, weights, encode(layers, weights, image, size));
}

/**
 * Concatenate the representations of an image's parts, for a head that sees all of them.
 * @param {Float32Array[]} parts
 */
export function sideBySide(parts) {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** @type {(x: Numbers, channels: number, size: number) => Float32Array} */
function meanPool(x, channels, size) {
  const positions = size * size;
  return Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let p = 0; p < positions; p++) sum += x[c * positions + p];
    return sum / positions;
  });
}

/**
 * A linear layer.
 * @param {Numbers} x
 * @param {Numbers} weights
 * @param {number} start of the layer's weights
 * @param {number} outputs
 */
export function linear(x, weights, start, outputs) {
  const biases = start + outputs * x.length;
  return Float32Array.from({ length: outputs }, (_, o) => {
    let sum = weights[biases + o];
    for (let i = 0; i < x.length; i++) sum += weights[start + o * x.length + i] * x[i];
    return sum;
  });
}

/**
 * Probabilities from logits. The largest logit is subtracted first, so that nothing overflows.
 * @param {ArrayLike<number> & Iterable<number>} scores
 */
export function softmax(scores) {
  const largest = Math.max(...scores);
  const e = Array.from(scores, (s) => Math.exp(s - largest));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

/**
 * The place of the largest value.
 * @param {number[]} values
 */
export const argmax = (values) => values.indexOf(Math.max(...values));

/**
 * An image rotated anticlockwise about its centre, with bilinear sampling. Multiples of 90° only
 * move pixels. Pixels from outside the image are mid-grey, which is 0 to the network.
 * @param {Numbers} pixels (size, size, channels) in 0…255
 * @param {number} size
 * @param {number} channels
 * @param {number} degrees
 * @returns {Float32Array} (channels, size, size) in [0, 1]
 */
export function rotated(pixels, size, channels, degrees) {
  const quarter = degrees % 90 === 0;
  const angle = (degrees * Math.PI) / 180;
  const cos = quarter ? Math.round(Math.cos(angle)) : Math.cos(angle);
  const sin = quarter ? Math.round(Math.sin(angle)) : Math.sin(angle);
  const middle = (size - 1) / 2;
  const out = new Float32Array(channels * size * size);
  /** @type {(x: number, y: number, c: number) => number} */
  const at = (x, y, c) =>
    x < 0 || y < 0 || x >= size || y >= size ? 127.5 : pixels[(y * size + x) * channels + c];
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const dx = x - middle;
      const dy = y - middle; // y points down, so anticlockwise reads like this
      const sx = middle + cos * dx - sin * dy;
      const sy = middle + sin * dx + cos * dy;
      const x0 = Math.floor(sx);
      const y0 = Math.floor(sy);
      const fx = sx - x0;
      const fy = sy - y0;
      for (let c = 0; c < channels; c++) {
        const top = (1 - fx) * at(x0, y0, c) + (fx ? fx * at(x0 + 1, y0, c) : 0);
        const bottom = fy ? (1 - fx) * at(x0, y0 + 1, c) + fx * at(x0 + 1, y0 + 1, c) : 0;
        out[(c * size + y) * size + x] = ((1 - fy) * top + fy * bottom) / 255;
      }
    }
  return out;
}
