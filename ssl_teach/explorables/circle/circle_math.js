// The mathematics of the circle: InfoNCE of unit vectors with its gradient, and a small encoder.
// Vectors are flat, one after the other; views 2k and 2k + 1 belong to image k.

import { gradient, ntXent, rowSoftmax } from "../nn/nt_xent.js";
import { drawsOf } from "../shared/random.js";

/**
 * Scale vectors to length 1: u (M·D) -> z (M·D), with the lengths (M) that they had.
 * @param {Float64Array} u
 * @param {number} dimension
 */
export function toSphere(u, dimension) {
  const z = Float64Array.from(u);
  const lengths = new Float64Array(u.length / dimension);
  for (let i = 0; i < lengths.length; i++) {
    for (let d = 0; d < dimension; d++) lengths[i] += u[i * dimension + d] ** 2;
    lengths[i] = Math.sqrt(lengths[i]);
    for (let d = 0; d < dimension; d++) z[i * dimension + d] /= lengths[i];
  }
  return { z, lengths };
}

/**
 * zᵢᵀzⱼ of every pair: (M·M).
 * @param {Float64Array} z
 * @param {number} dimension
 */
export function products(z, dimension) {
  const m = z.length / dimension;
  const s = new Float64Array(m * m);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < m; j++)
      for (let d = 0; d < dimension; d++)
        s[i * m + j] += z[i * dimension + d] * z[j * dimension + d];
  return s;
}

/**
 * The mean of ‖u − v‖² over the pairs (Wang and Isola, 2020): 0 if partners coincide.
 * @param {Float64Array} s
 * @param {number} m
 */
export function alignmentOf(s, m) {
  let sum = 0;
  for (let i = 0; i < m; i += 2) sum += 2 - 2 * s[i * m + i + 1];
  return sum / (m / 2);
}

/**
 * log of the mean of exp(−t‖zᵢ − zⱼ‖²) over all i < j (Wang and Isola, 2020): 0 if all coincide.
 * @param {Float64Array} s
 * @param {number} m
 */
export function uniformityOf(s, m, t = 2) {
  let sum = 0;
  for (let i = 0; i < m; i++)
    for (let j = i + 1; j < m; j++) sum += Math.exp(-t * (2 - 2 * s[i * m + j]));
  return Math.log(sum / ((m * (m - 1)) / 2));
}

/**
 * The uniformity (t = 2) of infinitely many points that are spread evenly over the circle
 * (dimension 2) or the sphere (3).
 * @param {number} dimension
 */
export function evenlySpread(dimension) {
  if (dimension === 3) return Math.log((1 - Math.exp(-8)) / 8);
  let sum = 0;
  for (let k = 0; k < 360; k++) sum += Math.exp(4 * Math.cos((k * Math.PI) / 180) - 4);
  return Math.log(sum / 360);
}

/**
 * The loss of unit vectors, and ∂ℒ/∂z with every z as a free vector. With negatives it goes through
 * each row's softmax (each view excludes itself); without them it is the mean of ‖z − z′‖² over the
 * pairs.
 * @param {Float64Array} z
 * @param {number} dimension
 * @param {number} tau
 * @param {boolean} negatives
 */
export function contrast(z, dimension, tau, negatives) {
  const m = z.length / dimension;
  const s = products(z, dimension);
  const loss = negatives ? ntXent(s, m, tau, "pairs").mean : alignmentOf(s, m);
  const shares = negatives ? rowSoftmax(s, m, tau) : s;
  const slope = (i, j) => {
    const positive = (i ^ 1) === j;
    return i === j
      ? 0
      : negatives
        ? gradient(shares[i * m + j], positive, m, tau)
        : positive
          ? -2 / m
          : 0;
  };
  const grad = new Float64Array(z.length);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < m; j++) {
      const both = slope(i, j) + slope(j, i); // z_i is in its own row and in all others
      for (let d = 0; d < dimension; d++) grad[i * dimension + d] += both * z[j * dimension + d];
    }
  return { loss, grad, alignment: alignmentOf(s, m), uniformity: uniformityOf(s, m) };
}

/**
 * ∂ℒ/∂u where z = u/‖u‖: the component along z is removed, the rest is divided by the length.
 * @param {Float64Array} grad
 * @param {Float64Array} z
 * @param {Float64Array} lengths
 * @param {number} dimension
 */
export function throughLength(grad, z, lengths, dimension) {
  const out = new Float64Array(grad.length);
  for (let i = 0; i < lengths.length; i++) {
    let along = 0;
    for (let d = 0; d < dimension; d++) along += grad[i * dimension + d] * z[i * dimension + d];
    for (let d = 0; d < dimension; d++)
      out[i * dimension + d] =
        (grad[i * dimension + d] - along * z[i * dimension + d]) / lengths[i];
  }
  return out;
}

/**
 * @typedef {{
 *   draw: () => number, dimension: number, places: Float64Array, shared: Float64Array,
 *   z: Float64Array, lengths: Float64Array, steps: number,
 * }} World the vectors of all views, the shared vector, and what the encoder makes of them
 */

const APART = 0.5;
const NOISE = 0.2; // standard deviation of the noise in each coordinate, at each step

/** A normally distributed number from two uniform ones (Box and Muller, 1958). */
const bell = (draw) => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());

/**
 * The initial state: a vector of length 1 for each view, and the shared vector b at zero. The
 * vectors lean to one side, as the representations of an untrained network do.
 * @param {number} pairs
 * @param {number} dimension
 * @param {number} seed
 */
export function newWorld(pairs, dimension, seed) {
  const draw = drawsOf(seed);
  const size = 2 * pairs * dimension;
  const image = Float64Array.from(
    { length: pairs * dimension },
    (_, at) => (at % dimension ? 0 : 1.5) + bell(draw),
  );
  const ofImage = (at) => image[Math.floor(at / (2 * dimension)) * dimension + (at % dimension)];
  const places = toSphere(
    Float64Array.from({ length: size }, (_, at) => ofImage(at) + APART * bell(draw)),
    dimension,
  ).z;
  return look({ draw, dimension, places, shared: new Float64Array(dimension), steps: 0 });
}

/** The output of the encoder for each view: u = b + its vector + new noise, z = u/‖u‖. */
function look(world) {
  const { draw, dimension, places, shared } = world;
  const u = places.map((place, at) => shared[at % dimension] + place + NOISE * bell(draw));
  return Object.assign(world, toSphere(u, dimension));
}

/**
 * One step of gradient descent, in place; then the noise is drawn again.
 * @param {World} world
 * @param {number} tau
 * @param {boolean} negatives
 */
export function stepOf(world, tau, negatives) {
  const { dimension, places, shared, z, lengths } = world;
  const { grad } = contrast(z, dimension, tau, negatives);
  const down = throughLength(grad, z, lengths, dimension);
  const views = places.length / dimension;
  const scale = negatives ? tau : 1; // the gradient grows as 1/τ
  for (let at = 0; at < down.length; at++) {
    places[at] -= 0.05 * scale * views * down[at];
    shared[at % dimension] -= scale * down[at];
  }
  places.set(toSphere(places, dimension).z); // each keeps length 1
  world.steps++;
  return look(world);
}
