// A small convolutional network, run in the page. Weights are one flat array, layer by layer:
// weight (out, in, 3, 3) or (out, in), then bias (out). Convolutions come first, each with a ReLU; then
// linear layers, with a ReLU where they say so.

/** How many numbers a layer takes from the weights. */
export function layerSize({ kind, in: inputs, out }) {
  return out * (inputs * (kind === "conv" ? 9 : 1) + 1);
}

/**
 * The weights as Python packed them (network.py): for each layer a scale for each row, in half precision,
 * then the rows, one signed byte a weight, then the biases, in half precision. Bytes after the last are left alone.
 */
export function unpackWeights(bytes, layers) {
  const out = new Float32Array(layers.reduce((sum, layer) => sum + layerSize(layer), 0));
  const take = (count) => bytes.subarray(at, (at += count));
  let at = 0, to = 0;
  for (const layer of layers) {
    const rows = layer.out, length = layerSize(layer) / rows - 1;
    const scales = decodeHalf(take(2 * rows)), steps = take(rows * length);
    for (let r = 0, k = 0; r < rows; r++)
      for (let i = 0; i < length; i++) out[to++] = scales[r] * ((steps[k++] << 24) >> 24);
    out.set(decodeHalf(take(2 * rows)), to);
    to += rows;
  }
  return out;
}

/** The weights of one network of a model, from byte `start` on: unpacked when a drawing first asks for them. */
const weightsOf = (model, layers, start = 0) => lazy(() => unpackWeights(bytesOf(model, "weights").subarray(start), layers));

/** Every 3×3 patch of x (channels, size, size), padded by one zero, as a row: (positions, channels·9). */
function patches(x, channels, size, stride) {
  const outSize = Math.floor((size - 1) / stride) + 1, length = channels * 9;
  const rows = new Float32Array(outSize * outSize * length);
  let r = 0;
  for (let oy = 0; oy < outSize; oy++)
    for (let ox = 0; ox < outSize; ox++)
      for (let c = 0; c < channels; c++)
        for (let ky = -1; ky <= 1; ky++) {
          const y = oy * stride + ky, line = (c * size + y) * size;
          for (let kx = -1; kx <= 1; kx++, r++) {
            const px = ox * stride + kx;
            if (y >= 0 && y < size && px >= 0 && px < size) rows[r] = x[line + px];
          }
        }
  return { rows, outSize, length };
}

/**
 * Convolution 3×3, padding 1, then what is negative times `slope`, 0 for a ReLU: each output is one row of weights times one patch.
 */
export function convolve(x, channels, size, weights, start, outChannels, stride, slope = 0) {
  const { rows, outSize, length } = patches(x, channels, size, stride);
  const positions = outSize * outSize, biases = start + outChannels * length;
  const y = new Float32Array(outChannels * positions);
  for (let o = 0; o < outChannels; o++) {
    const w = start + o * length; // this row of weights stays in the cache for all positions
    for (let p = 0; p < positions; p++) {
      const q = p * length;
      let even = 0, odd = 0, k = 0; // two sums, so that one addition need not wait for the other
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

/** The representation of one image: (channels, size, size) in [0, 1] -> the last map, averaged. */
export function encode(layers, weights, image, size) {
  let x = Float32Array.from(image, (v) => (v - 0.5) / 0.25), channels = x.length / (size * size), start = 0;
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

/** What the linear layers make of a representation, or of several side by side: scores. */
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

/** The network on one image: (channels, size, size) in [0, 1] -> its outputs before the softmax. */
export function forward(layers, weights, image, size) {
  return applyHead(layers, weights, encode(layers, weights, image, size));
}

/** Several lists of numbers as one: the representations of a picture's parts, for a head that sees all. */
export function sideBySide(parts) {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function meanPool(x, channels, size) {
  const positions = size * size;
  return Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let p = 0; p < positions; p++) sum += x[c * positions + p];
    return sum / positions;
  });
}

function linear(x, weights, start, outputs) {
  const biases = start + outputs * x.length;
  return Float32Array.from({ length: outputs }, (_, o) => {
    let sum = weights[biases + o];
    for (let i = 0; i < x.length; i++) sum += weights[start + o * x.length + i] * x[i];
    return sum;
  });
}

/** Probabilities from scores; the largest is taken off first, so that nothing overflows. */
export function softmax(scores) {
  const largest = Math.max(...scores), e = Array.from(scores, (s) => Math.exp(s - largest));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

/**
 * A picture turned anticlockwise about its centre, sampled bilinearly.
 * Quarter turns only move pixels. What comes from outside the picture is mid-grey: 0 to the network.
 * Pixels (size, size, channels) in 0…255 -> (channels, size, size) in [0, 1].
 */
export function turned(pixels, size, channels, degrees) {
  const quarter = degrees % 90 === 0, angle = (degrees * Math.PI) / 180;
  const cos = quarter ? Math.round(Math.cos(angle)) : Math.cos(angle);
  const sin = quarter ? Math.round(Math.sin(angle)) : Math.sin(angle);
  const middle = (size - 1) / 2, out = new Float32Array(channels * size * size);
  const at = (x, y, c) =>
    x < 0 || y < 0 || x >= size || y >= size ? 127.5 : pixels[(y * size + x) * channels + c];
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const dx = x - middle, dy = y - middle; // y points down, so anticlockwise reads like this
      const sx = middle + cos * dx - sin * dy, sy = middle + sin * dx + cos * dy;
      const x0 = Math.floor(sx), y0 = Math.floor(sy), fx = sx - x0, fy = sy - y0;
      for (let c = 0; c < channels; c++) {
        const top = (1 - fx) * at(x0, y0, c) + (fx ? fx * at(x0 + 1, y0, c) : 0);
        const bottom = fy ? (1 - fx) * at(x0, y0 + 1, c) + fx * at(x0 + 1, y0 + 1, c) : 0;
        out[(c * size + y) * size + x] = ((1 - fy) * top + fy * bottom) / 255;
      }
    }
  return out;
}
