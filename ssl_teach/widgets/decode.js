// The decoder of ssl_teach/pretext/decoders.py in the page: from the encoder's last map back to a picture.
// Layers come as `export_painter` gives them: the encoder's convolutions (see convnet.js), then the decoder's. Those say
// "up", whether the map first grows to the size that it had one stage earlier, and "slope", what a negative number is
// multiplied by afterwards; 1 leaves it alone.

/** Pixels repeated: x (channels, size, size) -> (channels, to, to), as torch's interpolation "nearest" does it. */
export function enlarged(x, channels, size, to) {
  const ratio = Math.fround(size / to); // torch reckons in single precision
  const from = Array.from({ length: to }, (_, k) => Math.min(size - 1, Math.floor(Math.fround(k * ratio))));
  const out = new Float32Array(channels * to * to);
  for (let c = 0, k = 0; c < channels; c++)
    for (const y of from) for (const column of from) out[k++] = x[(c * size + y) * size + column];
  return out;
}

/** Convolution 3×3, padding 1, stride 1, then a leaky ReLU; the loop is that of `convReLU`. */
export function convLeaky(x, channels, size, weights, start, outChannels, slope) {
  const { rows, length } = patches(x, channels, size, 1), positions = size * size;
  const biases = start + outChannels * length, y = new Float32Array(outChannels * positions);
  for (let o = 0; o < outChannels; o++) {
    const w = start + o * length;
    for (let p = 0; p < positions; p++) {
      const q = p * length;
      let even = 0, odd = 0, k = 0;
      for (; k + 1 < length; k += 2) {
        even += weights[w + k] * rows[q + k];
        odd += weights[w + k + 1] * rows[q + k + 1];
      }
      if (k < length) even += weights[w + k] * rows[q + k];
      const sum = even + odd + weights[biases + o];
      y[o * positions + p] = sum < 0 ? slope * sum : sum;
    }
  }
  return y;
}

/** What encoder and decoder make of an image: (channels, size, size) in [0, 1] -> the same shape, in [0, 1]. */
export function paint(layers, weights, image, size) {
  let x = Float32Array.from(image, (v) => (v - 0.5) / 0.25), channels = x.length / (size * size), start = 0;
  const sizes = []; // of the maps before each stage, the picture's first
  for (const layer of layers) {
    if (layer.slope === undefined) {
      sizes.push(size);
      const { y, outSize } = convReLU(x, channels, size, weights, start, layer.out, layer.stride);
      x = y;
      size = outSize;
    } else {
      if (layer.up) {
        const to = sizes.pop();
        x = enlarged(x, channels, size, to);
        size = to;
      }
      x = convLeaky(x, channels, size, weights, start, layer.out, layer.slope);
    }
    channels = layer.out;
    start += layerSize(layer);
  }
  return x.map((v) => 1 / (1 + Math.exp(-v)));
}
