// SimCLR's random transforms, step by step as ssl_teach/augment computes them. A view is drawn
// (parameters of each transform, from a seeded source) and then applied. Images are (channels,
// size, size) in [0, 1], flat.

/** @import { Box, ColorChange, Draw, Numbers, Recipe } from "../shared/types.js" */

// the steps of a colour change
const BRIGHTNESS = 0;
const CONTRAST = 1;
const SATURATION = 2;
const HUE = 3;
export const MOST_DRAWS = 999; // a page counts its draws from 0 to this
const TRIES = 10; // boxes that are drawn before the central one is taken
// numbers that a view takes from its source
const PER_VIEW = 2 * TRIES + 2 + 1 + 1 + 4 + 4 + 1 + 2;

/**
 * The settings of `simclr_augmentation`, from its arguments. A transform that is left out is not in
 * the recipe; "crop" includes the flip.
 * @param {number} channels
 * @param {{ strength?: number, crop?: number, hue?: number | null, transforms?: string[] | null }}
 *   [given]
 * @returns {Recipe}
 */
export function recipeOf(
  channels,
  { strength = 0.5, crop = 0.08, hue = null, transforms = null } = {},
) {
  const s = 0.8 * strength;
  const grey = channels === 1;
  const color = {
    brightness: s,
    contrast: s,
    saturation: grey ? 0 : s,
    hue: grey ? 0 : (hue ?? 0.2 * strength),
    p: grey || hue === null ? 0.8 : 1,
  };
  const all = {
    crop: { scale: [crop, 1], ratio: [3 / 4, 4 / 3] },
    flip: { p: 0.5 },
    color,
    ...(grey ? {} : { gray: { p: 0.2 } }),
    blur: { sigma: [0.1, 2], p: 0.5 },
  };
  const wanted = transforms ?? ["crop", "color", "gray"];
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => wanted.includes(name === "flip" ? "crop" : name)),
  );
}

/**
 * The draw that changes nothing.
 * @param {number} size
 * @returns {Draw}
 */
export const untouched = (size) => ({
  box: { top: 0, left: 0, height: size, width: size },
  flip: false,
  color: null,
  gray: false,
  sigma: 0,
});

/**
 * Draw the parameters of one view. Every view takes the same number of values from its source,
 * whatever the recipe, so that with other strengths it is the same draw, only stronger or weaker.
 * @param {() => number} random
 * @param {Recipe} recipe
 * @param {number} size
 * @returns {Draw}
 */
export function drawView(random, recipe, size) {
  const u = Float64Array.from({ length: PER_VIEW }, random);
  /** @type {(k: number, range: number[]) => number} */
  const between = (k, [low, high]) => low + (high - low) * u[k];
  const [flip, color, order, factors, gray, blur] = [22, 23, 24, 28, 32, 33];
  const chance = (k, part) => part !== undefined && u[k] < part.p;
  const about = (k, strength) => between(k, [Math.max(0, 1 - strength), 1 + strength]);
  return {
    box: recipe.crop ? drawBox(u, recipe.crop, size) : untouched(size).box,
    flip: chance(flip, recipe.flip),
    color:
      !recipe.color || !chance(color, recipe.color)
        ? null
        : {
            order: [0, 1, 2, 3].sort((a, b) => u[order + a] - u[order + b]),
            brightness: about(factors, recipe.color.brightness),
            contrast: about(factors + 1, recipe.color.contrast),
            saturation: about(factors + 2, recipe.color.saturation),
            hue: between(factors + 3, [-recipe.color.hue, recipe.color.hue]),
          },
    gray: chance(gray, recipe.gray),
    sigma: recipe.blur && chance(blur, recipe.blur) ? between(blur + 1, recipe.blur.sigma) : 0,
  };
}

/**
 * A box in whole pixels: the first of ten draws that fits, or else the largest in the middle.
 * @param {Float64Array} u
 * @param {{ scale: number[], ratio: number[] }} crop
 * @param {number} size
 * @returns {Box}
 */
function drawBox(u, { scale, ratio }, size) {
  const [narrow, wide] = ratio.map(Math.log);
  const place = (k, length) => Math.floor(u[2 * TRIES + k] * (size - length + 1));
  for (let k = 0; k < TRIES; k++) {
    const area = (scale[0] + (scale[1] - scale[0]) * u[k]) * size * size;
    const shape = Math.exp(narrow + (wide - narrow) * u[TRIES + k]);
    const height = Math.round(Math.sqrt(area / shape));
    const width = Math.round(Math.sqrt(area * shape));
    if (Math.min(height, width) >= 1 && Math.max(height, width) <= size)
      return { top: place(0, height), left: place(1, width), height, width };
  }
  const shape = Math.min(Math.max(1, ratio[0]), ratio[1]);
  const [height, width] = [size / shape, size * shape].map((side) =>
    Math.max(1, Math.min(size, Math.round(side))),
  );
  return {
    top: Math.floor((size - height) / 2),
    left: Math.floor((size - width) / 2),
    height,
    width,
  };
}

/**
 * The view of an image that a draw makes: crop and flip, colour, grey, blur, in this order. If
 * nothing changes, it is the image itself.
 * @param {Float32Array} image
 * @param {number} channels
 * @param {number} size
 * @param {Draw} draw
 */
export function applyView(image, channels, size, { box, flip, color, gray, sigma }) {
  const whole = box.height === size && box.width === size;
  let view = whole && !flip ? image : resizedCrop(image, channels, size, box, flip);
  if (color) view = colorJitter(view, channels, color);
  if (gray) view = grayscale(view, channels);
  return sigma ? gaussianBlur(view, size, sigma, Math.max(3, Math.floor(size / 20) * 2 + 1)) : view;
}

/**
 * Cut a box out, scale it bilinearly to the size of the image, and mirror it if `flip` is true.
 * @param {Float32Array} image
 * @param {number} channels
 * @param {number} size
 * @param {Box} box
 * @param {boolean} flip
 */
export function resizedCrop(image, channels, size, { top, left, height, width }, flip) {
  // half a pixel at each edge of the box has neighbours on one side only: it takes the outermost
  // pixel
  const places = (start, length) =>
    Array.from(
      { length: size },
      (_, k) => Math.min(length - 1, Math.max(0, ((k + 0.5) * length) / size - 0.5)) + start,
    );
  const down = places(top, height);
  const right = places(left, width);
  const out = new Float32Array(image.length);
  if (flip) right.reverse();
  for (let y = 0, at = 0; y < size; y++) {
    const y0 = Math.floor(down[y]);
    const fy = down[y] - y0;
    const y1 = Math.min(y0 + 1, size - 1);
    for (let x = 0; x < size; x++, at++) {
      const x0 = Math.floor(right[x]);
      const fx = right[x] - x0;
      const x1 = Math.min(x0 + 1, size - 1);
      for (let c = 0, from = 0; c < channels; c++, from += size * size) {
        const upper = (1 - fx) * image[from + y0 * size + x0] + fx * image[from + y0 * size + x1];
        const lower = (1 - fx) * image[from + y1 * size + x0] + fx * image[from + y1 * size + x1];
        out[from + at] = (1 - fy) * upper + fy * lower;
      }
    }
  }
  return out;
}

/**
 * Change brightness, contrast, saturation and hue in the order given; only the first two for grey
 * images.
 * @param {Float32Array} image
 * @param {number} channels
 * @param {ColorChange} change
 */
export function colorJitter(image, channels, { order, brightness, contrast, saturation, hue }) {
  const out = image.slice();
  const factors = [brightness, contrast, saturation];
  for (const step of order) {
    if (step < (channels === 3 ? HUE : SATURATION)) blend(out, channels, factors[step], step);
    else if (channels === 3) turnHue(out, hue);
  }
  return out;
}

/**
 * In place: factor · image + (1 − factor) · other, clipped to [0, 1], where other is black, the
 * mean grey, or the grey image.
 * @param {Float32Array} image
 * @param {number} channels
 * @param {number} factor
 * @param {number} step
 */
export function blend(image, channels, factor, step) {
  const pixels = image.length / channels;
  const other = step === BRIGHTNESS ? image : greyOf(image, channels);
  const mean = step === CONTRAST ? other.reduce((sum, v) => sum + v, 0) / pixels : 0;
  for (let c = 0, k = 0; c < channels; c++)
    for (let p = 0; p < pixels; p++, k++) {
      const v = factor * image[k] + (1 - factor) * (step === SATURATION ? other[p] : mean);
      image[k] = v < 0 ? 0 : Math.min(v, 1);
    }
  return image;
}

/**
 * The brightness of each pixel: (pixels).
 * @param {Float32Array} image
 * @param {number} channels
 */
function greyOf(image, channels) {
  const pixels = image.length / channels;
  const out = image.slice(0, pixels);
  if (channels === 3)
    for (let p = 0; p < pixels; p++)
      out[p] = 0.2989 * image[p] + 0.587 * image[pixels + p] + 0.114 * image[2 * pixels + p];
  return out;
}

/**
 * The grey image, with as many equal channels.
 * @param {Float32Array} image
 * @param {number} channels
 */
export function grayscale(image, channels) {
  const grey = greyOf(image, channels);
  const out = new Float32Array(image.length);
  for (let c = 0; c < channels; c++) out.set(grey, c * grey.length);
  return out;
}

/**
 * In place: rotate every colour on the circle of hues, at equal saturation and value; 1/3 makes red
 * green.
 * @param {Float32Array} image
 * @param {number} turns
 */
export function turnHue(image, turns) {
  const pixels = image.length / 3;
  const within = (v) => (v < 0 ? 0 : Math.min(v, 1));
  for (let k = 0; k < pixels; k++) {
    const red = image[k];
    const green = image[pixels + k];
    const blue = image[2 * pixels + k];
    const low = Math.min(red, green, blue);
    const chroma = Math.max(red, green, blue) - low;
    // in sixths of the circle
    const fromRed = chroma ? Math.abs((green - low + blue - red) / chroma + 1) : 0;
    const rotated = (green < blue ? -fromRed : fromRed) / 6 + 1 + turns;
    const hue = 6 * (rotated - Math.floor(rotated));
    image[k] = low + chroma * within(Math.abs(hue - 3) - 1); // red is low about 3
    image[pixels + k] = low + chroma * within(2 - Math.abs(hue - 2)); // green is high about 2
    image[2 * pixels + k] = low + chroma * within(2 - Math.abs(hue - 4)); // blue about 4
  }
  return image;
}

/**
 * A Gaussian blur with a standard deviation of sigma pixels, along one side and then along the
 * other. The border is mirrored.
 * @param {Float32Array} image
 * @param {number} size
 * @param {number} sigma
 * @param {number} taps
 */
export function gaussianBlur(image, size, sigma, taps) {
  const radius = (taps - 1) / 2;
  const bell = Float64Array.from({ length: radius + 1 }, (_, k) =>
    Math.exp(-0.5 * (k / sigma) ** 2),
  );
  const sum = 2 * bell.reduce((a, b) => a + b) - 1;
  const weights = bell.map((v) => v / sum);
  const line = new Float32Array(size + 2 * radius);
  const mirrored = (k) => (k < 0 ? -k : k >= size ? 2 * size - 2 - k : k);
  const places = Int32Array.from(line, (_, k) => mirrored(k - radius));
  const alongRows = (from) => {
    // the result is transposed, so that doing it twice blurs in both directions
    const out = new Float32Array(from.length);
    for (let plane = 0; plane < from.length; plane += size * size)
      for (let y = 0; y < size; y++) {
        for (let k = 0; k < line.length; k++) line[k] = from[plane + y * size + places[k]];
        for (let x = 0, at = plane + y; x < size; x++, at += size) {
          let total = weights[0] * line[x + radius];
          for (let k = 1; k <= radius; k++)
            total += weights[k] * (line[x + radius - k] + line[x + radius + k]);
          out[at] = total;
        }
      }
    return out;
  };
  return alongRows(alongRows(image));
}

/**
 * How two boxes overlap, and the fraction of the image that is in both.
 * @param {Box} a
 * @param {Box} b
 * @param {number} size
 */
export function sharedPart(a, b, size) {
  const common = (from, length) =>
    Math.max(0, Math.min(a[from] + a[length], b[from] + b[length]) - Math.max(a[from], b[from]));
  const both = common("top", "height") * common("left", "width");
  const inside = (box) => both === box.height * box.width;
  const relation = !both
    ? "apart"
    : inside(a) && inside(b)
      ? "same"
      : inside(a)
        ? "first inside"
        : inside(b)
          ? "second inside"
          : "overlap";
  return { relation, share: both / size ** 2 };
}

/**
 * A histogram of the colours as fractions of all pixels: 8 × 8 × 8 bins, or 16 of grey.
 * @param {Float32Array} image
 * @param {number} channels
 */
export function colourShares(image, channels) {
  const pixels = image.length / channels;
  const levels = channels === 3 ? 8 : 16;
  const out = new Float64Array(levels ** channels);
  for (let k = 0; k < pixels; k++) {
    let bin = 0;
    for (let c = 0; c < channels; c++)
      bin = bin * levels + Math.min(levels - 1, Math.floor(image[c * pixels + k] * levels));
    out[bin] += 1 / pixels;
  }
  return out;
}

/**
 * The intersection of two histograms, 0 to 1 (Swain and Ballard, 1991).
 * @param {Float64Array} a
 * @param {Float64Array} b
 */
export function inCommon(a, b) {
  return a.reduce((sum, v, k) => sum + Math.min(v, b[k]), 0);
}
