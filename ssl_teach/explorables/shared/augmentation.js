// SimCLR's random transforms, step by step as ssl_teach/augment computes them. A view is drawn (numbers for each
// transform, out of a seeded source) and then applied. Images are (channels, size, size) in [0, 1], flat.

const BRIGHTNESS = 0, CONTRAST = 1, SATURATION = 2, HUE = 3; // the steps of a colour change
const MOST_DRAWS = 999; // a page counts its draws from 0 to this
const TRIES = 10; // boxes drawn before one is forced to fit
const PER_VIEW = 2 * TRIES + 2 + 1 + 1 + 4 + 4 + 1 + 2; // numbers that a view takes out of its source

/**
 * The choices of `simclr_augmentation`, from its arguments: { strength, crop, hue, transforms }.
 * A transform that is left out has no part in the recipe; "crop" brings the flip.
 */
export function recipeOf(channels, { strength = 0.5, crop = 0.08, hue = null, transforms = null } = {}) {
  const s = 0.8 * strength, grey = channels === 1;
  const color = { brightness: s, contrast: s, saturation: grey ? 0 : s, hue: grey ? 0 : hue ?? 0.2 * strength,
    p: grey || hue === null ? 0.8 : 1 };
  const all = { crop: { scale: [crop, 1], ratio: [3 / 4, 4 / 3] }, flip: { p: 0.5 }, color,
    ...(grey ? {} : { gray: { p: 0.2 } }), blur: { sigma: [0.1, 2], p: 0.5 } };
  const wanted = transforms ?? ["crop", "color", "gray"];
  return Object.fromEntries(Object.entries(all).filter(([name]) => wanted.includes(name === "flip" ? "crop" : name)));
}

/** The view that changes nothing. */
export const untouched = (size) =>
  ({ box: { top: 0, left: 0, height: size, width: size }, flip: false, color: null, gray: false, sigma: 0 });

/**
 * What one view is made with. Every view takes the same count of numbers from its source, whatever the recipe,
 * so that with other strengths it is the same draw, only stronger or weaker.
 */
export function drawView(random, recipe, size) {
  const u = Float64Array.from({ length: PER_VIEW }, random);
  const between = (k, [low, high]) => low + (high - low) * u[k];
  const [flip, color, order, factors, gray, blur] = [22, 23, 24, 28, 32, 33], chance = (k, part) => part !== undefined && u[k] < part.p;
  const about = (k, strength) => between(k, [Math.max(0, 1 - strength), 1 + strength]);
  return {
    box: recipe.crop ? drawBox(u, recipe.crop, size) : untouched(size).box,
    flip: chance(flip, recipe.flip),
    color: !chance(color, recipe.color) ? null : {
      order: [0, 1, 2, 3].sort((a, b) => u[order + a] - u[order + b]),
      brightness: about(factors, recipe.color.brightness), contrast: about(factors + 1, recipe.color.contrast),
      saturation: about(factors + 2, recipe.color.saturation), hue: between(factors + 3, [-recipe.color.hue, recipe.color.hue]),
    },
    gray: chance(gray, recipe.gray),
    sigma: chance(blur, recipe.blur) ? between(blur + 1, recipe.blur.sigma) : 0,
  };
}

/** A box in whole pixels, of the first of ten draws that fits; if none does, the largest in the middle. */
function drawBox(u, { scale, ratio }, size) {
  const [narrow, wide] = ratio.map(Math.log);
  const place = (k, length) => Math.floor(u[2 * TRIES + k] * (size - length + 1));
  for (let k = 0; k < TRIES; k++) {
    const area = (scale[0] + (scale[1] - scale[0]) * u[k]) * size * size, shape = Math.exp(narrow + (wide - narrow) * u[TRIES + k]);
    const height = Math.round(Math.sqrt(area / shape)), width = Math.round(Math.sqrt(area * shape));
    if (Math.min(height, width) >= 1 && Math.max(height, width) <= size) return { top: place(0, height), left: place(1, width), height, width };
  }
  const shape = Math.min(Math.max(1, ratio[0]), ratio[1]);
  const [height, width] = [size / shape, size * shape].map((side) => Math.max(1, Math.min(size, Math.round(side))));
  return { top: Math.floor((size - height) / 2), left: Math.floor((size - width) / 2), height, width };
}

/** A view of an image: crop and flip, colour, grey, blur, in this order. If nothing changes, it is the image itself. */
export function applyView(image, channels, size, { box, flip, color, gray, sigma }) {
  const whole = box.height === size && box.width === size;
  let view = whole && !flip ? image : resizedCrop(image, channels, size, box, flip);
  if (color) view = colorJitter(view, channels, color);
  if (gray) view = grayscale(view, channels);
  return sigma ? gaussianBlur(view, channels, size, sigma, Math.max(3, Math.floor(size / 20) * 2 + 1)) : view;
}

/** A box cut out, scaled bilinearly to the size of the image, and mirrored if told to. */
export function resizedCrop(image, channels, size, { top, left, height, width }, flip) {
  // half a pixel at either rim has neighbours on one side only: it takes the outermost pixel of the box
  const places = (start, length) => Array.from({ length: size }, (_, k) =>
    Math.min(length - 1, Math.max(0, ((k + 0.5) * length) / size - 0.5)) + start);
  const down = places(top, height), right = places(left, width), out = new Float32Array(image.length);
  if (flip) right.reverse();
  for (let y = 0, at = 0; y < size; y++) {
    const y0 = Math.floor(down[y]), fy = down[y] - y0, y1 = Math.min(y0 + 1, size - 1);
    for (let x = 0; x < size; x++, at++) {
      const x0 = Math.floor(right[x]), fx = right[x] - x0, x1 = Math.min(x0 + 1, size - 1);
      for (let c = 0, from = 0; c < channels; c++, from += size * size) {
        const upper = (1 - fx) * image[from + y0 * size + x0] + fx * image[from + y0 * size + x1];
        const lower = (1 - fx) * image[from + y1 * size + x0] + fx * image[from + y1 * size + x1];
        out[from + at] = (1 - fy) * upper + fy * lower;
      }
    }
  }
  return out;
}

/** Brightness, contrast, saturation and hue in the order given; grey images have the first two alone. */
export function colorJitter(image, channels, { order, brightness, contrast, saturation, hue }) {
  const out = image.slice(), factors = [brightness, contrast, saturation];
  for (const step of order) {
    if (step < (channels === 3 ? HUE : SATURATION)) blend(out, channels, factors[step], step);
    else if (channels === 3) turnHue(out, hue);
  }
  return out;
}

/** In place: factor · image + (1 − factor) · other, within [0, 1]; other is black, the mean grey, or the grey image. */
export function blend(image, channels, factor, step) {
  const pixels = image.length / channels, other = step === BRIGHTNESS ? null : greyOf(image, channels);
  const mean = step === CONTRAST ? other.reduce((sum, v) => sum + v, 0) / pixels : 0;
  for (let c = 0, k = 0; c < channels; c++)
    for (let p = 0; p < pixels; p++, k++) {
      const v = factor * image[k] + (1 - factor) * (step === SATURATION ? other[p] : mean);
      image[k] = v < 0 ? 0 : v > 1 ? 1 : v;
    }
  return image;
}

/** The brightness of each pixel: (pixels,). */
function greyOf(image, channels) {
  const pixels = image.length / channels, out = image.slice(0, pixels);
  if (channels === 3) for (let p = 0; p < pixels; p++) out[p] = 0.2989 * image[p] + 0.587 * image[pixels + p] + 0.114 * image[2 * pixels + p];
  return out;
}

/** Three equal channels. */
export function grayscale(image, channels) {
  const grey = greyOf(image, channels), out = new Float32Array(image.length);
  for (let c = 0; c < channels; c++) out.set(grey, c * grey.length);
  return out;
}

/** In place: every colour turned round the circle of hues, at equal saturation and value; 1/3 makes red green. */
export function turnHue(image, turns) {
  const pixels = image.length / 3, within = (v) => (v < 0 ? 0 : v > 1 ? 1 : v);
  for (let k = 0; k < pixels; k++) {
    const red = image[k], green = image[pixels + k], blue = image[2 * pixels + k];
    const low = Math.min(red, green, blue), chroma = Math.max(red, green, blue) - low;
    const fromRed = chroma ? Math.abs((green - low + blue - red) / chroma + 1) : 0; // in sixths of the circle
    const turned = (green < blue ? -fromRed : fromRed) / 6 + 1 + turns, hue = 6 * (turned - Math.floor(turned));
    image[k] = low + chroma * within(Math.abs(hue - 3) - 1); // red is low about 3
    image[pixels + k] = low + chroma * within(2 - Math.abs(hue - 2)); // green is high about 2
    image[2 * pixels + k] = low + chroma * within(2 - Math.abs(hue - 4)); // blue about 4
  }
  return image;
}

/** A Gaussian blur of σ pixels, along one side and then along the other; the border is mirrored. */
export function gaussianBlur(image, channels, size, sigma, taps) {
  const radius = (taps - 1) / 2, bell = Float64Array.from({ length: radius + 1 }, (_, k) => Math.exp(-0.5 * (k / sigma) ** 2));
  const sum = 2 * bell.reduce((a, b) => a + b) - 1, weights = bell.map((v) => v / sum);
  const line = new Float32Array(size + 2 * radius), mirrored = (k) => (k < 0 ? -k : k >= size ? 2 * size - 2 - k : k);
  const places = Int32Array.from(line, (_, k) => mirrored(k - radius));
  const alongRows = (from) => { // and written as columns, so that doing it twice blurs both ways
    const out = new Float32Array(from.length);
    for (let plane = 0; plane < from.length; plane += size * size)
      for (let y = 0; y < size; y++) {
        for (let k = 0; k < line.length; k++) line[k] = from[plane + y * size + places[k]];
        for (let x = 0, at = plane + y; x < size; x++, at += size) {
          let total = weights[0] * line[x + radius];
          for (let k = 1; k <= radius; k++) total += weights[k] * (line[x + radius - k] + line[x + radius + k]);
          out[at] = total;
        }
      }
    return out;
  };
  return alongRows(alongRows(image));
}

/** Bytes (size, size, channels) as an image. */
export function imageOf(pixels, channels, size) {
  const out = new Float32Array(channels * size * size);
  for (let p = 0, at = 0; p < size * size; p++)
    for (let c = 0; c < channels; c++, at++) out[c * size * size + p] = pixels[at] / 255;
  return out;
}

/** How two boxes lie, and which share of the picture is in both. */
export function sharedPart(a, b, size) {
  const common = (from, length) =>
    Math.max(0, Math.min(a[from] + a[length], b[from] + b[length]) - Math.max(a[from], b[from]));
  const both = common("top", "height") * common("left", "width"), inside = (box) => both === box.height * box.width;
  const relation = !both ? "apart" : inside(a) && inside(b) ? "same" : inside(a) ? "first inside" : inside(b) ? "second inside" : "overlap";
  return { relation, share: both / size ** 2 };
}

/** Which share of the pixels has which colour: 8 × 8 × 8 bins, or 16 of grey. */
export function colourShares(image, channels) {
  const pixels = image.length / channels, levels = channels === 3 ? 8 : 16, out = new Float64Array(levels ** channels);
  for (let k = 0; k < pixels; k++) {
    let bin = 0;
    for (let c = 0; c < channels; c++) bin = bin * levels + Math.min(levels - 1, Math.floor(image[c * pixels + k] * levels));
    out[bin] += 1 / pixels;
  }
  return out;
}

/** What two such lists have in common, 0 to 1 (Swain and Ballard, 1991). */
export function inCommon(a, b) {
  return a.reduce((sum, v, k) => sum + Math.min(v, b[k]), 0);
}
