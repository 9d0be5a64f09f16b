// What Python sent, and what goes back to it.

/** @import { Model } from "./types.js" */

/**
 * Bytes that Python sent under this name. A page of the book may have "weights" and "thumbnails" at
 * its end (book/_ext/static_widgets.py): ask for them when drawing, not before.
 * @param {Model} model
 * @param {string} name
 */
export function bytesOf(model, name) {
  const data = model.get(name) ?? new Uint8Array(); // a page may drop what is empty
  return new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
}

/**
 * A value that is made when it is first asked for: const weights = lazy(() => …), then weights().
 * @template T
 * @param {() => T} make
 */
export function lazy(make) {
  /** @type {{ value: T } | undefined} */
  let made;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

const POWERS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 25));

/**
 * Decode half-precision numbers, little endian.
 * @param {Uint8Array} bytes
 */
export function decodeHalf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(bytes.byteLength >> 1);
  for (let i = 0; i < out.length; i++) {
    const bits = view.getUint16(2 * i, true);
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) out[i] = fraction ? NaN : sign * Infinity;
    else if (exponent === 0) out[i] = sign * fraction * 2 ** -24;
    else out[i] = sign * (1024 + fraction) * POWERS[exponent];
  }
  return out;
}

/**
 * Set several values, and send them to Python.
 * @param {Model} model
 * @param {Record<string, unknown>} values
 */
export function save(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}
