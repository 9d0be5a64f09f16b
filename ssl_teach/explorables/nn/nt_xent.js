// The mathematics of NT-Xent (Chen et al., 2020), row by row. Matrices are flat, row after row;
// indices count from 0. M = 2N views.

/** Cosine of every pair of rows: z (M, D) -> (M, M). */
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

/** Which view stands in each place: 0 1 2 3 … in pairs, 0 2 4 … 1 3 5 … in halves. */
export function arrangement(n, order) {
  return Array.from({ length: 2 * n }, (_, place) =>
    order === "pairs" ? place : place < n ? 2 * place : 2 * (place - n) + 1);
}

/** The place of the other view of the same image. */
export function partner(i, n, order) {
  return order === "pairs" ? i ^ 1 : (i + n) % (2 * n);
}

/** Rows and columns of a (views, views) matrix put into the places named: (M, M), M = places.length. */
export function reorder(matrix, views, places) {
  const m = places.length, out = new Float32Array(m * m);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < m; j++) out[i * m + j] = matrix[places[i] * views + places[j]];
  return out;
}

/** Softmax of s/τ over each row without its diagonal entry, whose share is 0. */
export function rowSoftmax(s, m, tau) {
  const p = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    const row = i * m, log = logSumExp(s, m, i, tau);
    for (let j = 0; j < m; j++) if (j !== i) p[row + j] = Math.exp(s[row + j] / tau - log);
  }
  return p;
}

/** log Σ_{k≠i} exp(s_ik/τ); the largest term is taken out first, so that nothing overflows. */
function logSumExp(s, m, i, tau) {
  let largest = -Infinity, sum = 0;
  for (let k = 0; k < m; k++) if (k !== i) largest = Math.max(largest, s[i * m + k] / tau);
  for (let k = 0; k < m; k++) if (k !== i) sum += Math.exp(s[i * m + k] / tau - largest);
  return largest + Math.log(sum);
}

/** ℓ of each row, their mean ℒ, and the share of rows in which the positive is the largest. */
export function ntXent(s, m, tau, order) {
  const losses = new Float64Array(m);
  let total = 0, right = 0;
  for (let i = 0; i < m; i++) {
    const j = partner(i, m / 2, order), positive = s[i * m + j];
    losses[i] = logSumExp(s, m, i, tau) - positive / tau;
    total += losses[i];
    let best = true;
    for (let k = 0; k < m; k++) if (k !== i && k !== j && s[i * m + k] >= positive) best = false;
    right += best;
  }
  return { losses, mean: total / m, accuracy: right / m };
}

/** ∂ℒ/∂s_ij with s_ij as a free entry of row i: (p_ij − 1[j is i's positive]) / (2Nτ). */
export function gradient(share, isPositive, m, tau) {
  return (share - (isPositive ? 1 : 0)) / (m * tau);
}
