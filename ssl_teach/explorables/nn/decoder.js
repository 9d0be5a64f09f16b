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

/** What encoder and decoder make of an image: (channels, size, size) in [0, 1] -> the same shape, in [0, 1]. */
export function paint(layers, weights, image, size) {
  let x = Float32Array.from(image, (v) => (v - 0.5) / 0.25), channels = x.length / (size * size), start = 0;
  const sizes = []; // of the maps before each stage, the picture's first
  for (const layer of layers) {
    if (layer.slope === undefined) sizes.push(size); // the encoder's
    else if (layer.up) {
      const to = sizes.pop();
      x = enlarged(x, channels, size, to);
      size = to;
    }
    const { y, outSize } = convolve(x, channels, size, weights, start, layer.out, layer.stride, layer.slope);
    x = y;
    size = outSize;
    channels = layer.out;
    start += layerSize(layer);
  }
  return x.map((v) => 1 / (1 + Math.exp(-v)));
}
