// The mathematics of NT-Xent (Chen et al., 2020), row by row. Matrices are flat, row after row;
// indices count from 0. M = 2N views.

/** @import { Numbers } from "../shared/types.js" */

/**
 * The cosine of every pair of rows: z (views, dimension) -> (views, views).
 * @param {Numbers} z
 * @param {number} views
 * @param {number} dimension
 */
export function cosineMatrix(z, views, dimension) {
  const unit = new Float32Array(z);
  for (let i = 0; i < views; i++) {
    let sum = 0;
    for (let d = 0; d < dimension; d++) sum += z[i * dimension + d] ** 2;
    const length = Math.sqrt(sum);
    for (let d = 0; d < dimension; d++) unit[i * dimension + d] /= length;
  }
  const s = new Float32Array(views * views);
  for (let i = 0; i < views; i++)
    for (let j = i; j < views; j++) {
      let dot = 0;
      for (let d = 0; d < dimension; d++) dot += unit[i * dimension + d] * unit[j * dimension + d];
      s[i * views + j] = s[j * views + i] = dot;
    }
  return s;
}

/**
 * The view at each place: 0 1 2 3 … in pairs, 0 2 4 … 1 3 5 … in halves.
 * @param {number} n
 * @param {string} order
 */
export function arrangement(n, order) {
  return Array.from({ length: 2 * n }, (_, place) =>
    order === "pairs" ? place : place < n ? 2 * place : 2 * (place - n) + 1,
  );
}

/**
 * The place of the other view of the same image.
 * @param {number} i
 * @param {number} n
 * @param {string} order
 */
export function partner(i, n, order) {
  return order === "pairs" ? i ^ 1 : (i + n) % (2 * n);
}

/**
 * Rows and columns of a (views, views) matrix in the order of `places`: (M, M), M = places.length.
 * @param {Numbers} matrix
 * @param {number} views
 * @param {number[]} places
 */
export function reorder(matrix, views, places) {
  const m = places.length;
  const out = new Float32Array(m * m);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < m; j++) out[i * m + j] = matrix[places[i] * views + places[j]];
  return out;
}

/**
 * The softmax of s/τ over each row without its diagonal entry, which gets 0: s (m, m) -> (m, m).
 * @param {Numbers} s
 * @param {number} m
 * @param {number} tau
 */
export function rowSoftmax(s, m, tau) {
  const p = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    const row = i * m;
    const log = logSumExp(s, m, i, tau);
    for (let j = 0; j < m; j++) if (j !== i) p[row + j] = Math.exp(s[row + j] / tau - log);
  }
  return p;
}

/**
 * log Σ_{k≠i} exp(s_ik/τ). The largest term is taken out first, so that nothing overflows.
 * @param {Numbers} s
 * @param {number} m
 * @param {number} i
 * @param {number} tau
 */
function logSumExp(s, m, i, tau) {
  let largest = -Infinity;
  let sum = 0;
  for (let k = 0; k < m; k++) if (k !== i) largest = Math.max(largest, s[i * m + k] / tau);
  for (let k = 0; k < m; k++) if (k !== i) sum += Math.exp(s[i * m + k] / tau - largest);
  return largest + Math.log(sum);
}

/**
 * ℓ of each row, their mean ℒ, and the fraction of rows in which the positive is the largest.
 * @param {Numbers} s
 * @param {number} m
 * @param {number} tau
 * @param {string} order
 */
export function ntXent(s, m, tau, order) {
  const losses = new Float64Array(m);
  let total = 0;
  let right = 0;
  for (let i = 0; i < m; i++) {
    const j = partner(i, m / 2, order);
    const positive = s[i * m + j];
    losses[i] = logSumExp(s, m, i, tau) - positive / tau;
    total += losses[i];
    let best = true;
    for (let k = 0; k < m; k++) if (k !== i && k !== j && s[i * m + k] >= positive) best = false;
    if (best) right++;
  }
  return { losses, mean: total / m, accuracy: right / m };
}

/**
 * ∂ℒ/∂s_ij with s_ij as a free entry of row i: (p_ij − 1[j is i's positive]) / (2Nτ).
 * @param {number} share
 * @param {boolean} isPositive
 * @param {number} m
 * @param {number} tau
 */
export function gradient(share, isPositive, m, tau) {
  return (share - (isPositive ? 1 : 0)) / (m * tau);
}
