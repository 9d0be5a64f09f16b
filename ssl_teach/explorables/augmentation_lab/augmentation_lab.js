// The augmentation lab: views of an image. The transforms are in augmentation.js.

/** @import { Draw, Recipe } from "../shared/types.js" */

import {
  applyView,
  colourShares,
  drawView,
  inCommon,
  MOST_DRAWS,
  recipeOf,
  sharedPart,
  untouched,
} from "../shared/augmentation.js";
import { context2d, contextOf } from "../shared/canvas.js";
import { colour, css } from "../shared/colours.js";
import { slider } from "../shared/controls.js";
import { button, freshId, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { imageOf } from "../shared/images.js";
import { keys } from "../shared/keyboard.js";
import { ownImage } from "../shared/own_image.js";
import { drawsOf } from "../shared/random.js";
import { bytesOf, save } from "../shared/state.js";

const COLUMNS = 8; // views of each draw; the first two are the pair
// the key of each transform's parameters in a draw
const PARTS = { crop: "box", flip: "flip", color: "color", gray: "gray", blur: "sigma" };
const NAMES = {
  crop: "crop and enlarge",
  flip: "mirror",
  color: "change colours",
  gray: "take colours out",
  blur: "blur",
};
const STRENGTHS = {
  // of each transform: [name in the model, label, least, most, step, format]
  crop: [["crop", "least area", 0.05, 1, 0.01, (v) => `${Math.round(100 * v)}%`]],
  flip: [],
  color: [
    ["strength", "strength <i>s</i>", 0, 1.25, 0.05, (v) => v.toFixed(2)],
    ["hue", "hue ±", 0, 0.5, 0.01, (v) => `${v.toFixed(2)} turns`],
  ],
  gray: [["gray", "probability", 0, 1, 0.05, (v) => v.toFixed(2)]],
  blur: [["blur", "σ, at most", 0.1, 4, 0.1, (v) => `${v.toFixed(1)} pixels`]],
};

const NOTICE = [
  "The two views should get similar representations, even where they hardly show the same part.",
  "What could tell that they belong together?",
  "With the colours left as they are, mostly the colours: there is no need to know what the",
  "image shows.",
  "Switch <i>change colours</i> off and on, and draw again.",
].join(" ");
const GREY_NOTICE = [
  "The two views should get similar representations, even where they hardly show the same part.",
  "What could tell that they belong together?",
  "Make the least area smaller and draw again: when does a view still show the object, and when",
  "only a stroke?",
].join(" ");

/**
 * The transforms that a link names, "crop,flip". Undefined if these images do not have one of them.
 * @param {string} text
 * @param {string[]} known
 */
export function transformsNamed(text, known) {
  const names = text === "" ? [] : text.split(",");
  return names.every((name) => known.includes(name))
    ? known.filter((name) => names.includes(name))
    : undefined;
}

/**
 * A draw with only some of its transforms.
 * @param {Draw} draw
 * @param {string[]} names
 * @param {number} size
 * @returns {Draw}
 */
export function only(draw, names, size) {
  return {
    ...untouched(size),
    ...Object.fromEntries(names.map((name) => [PARTS[name], draw[PARTS[name]]])),
  };
}

/**
 * The views of one draw: COLUMNS views of the chosen image, then one of each image.
 * @param {number} seed
 * @param {Recipe} recipe
 * @param {number} size
 * @param {number} count
 */
export function drawsFor(seed, recipe, size, count) {
  return Array.from({ length: COLUMNS + count }, (_, k) =>
    drawView(drawsOf(64 * seed + k), recipe, size),
  );
}

/** Unpack the images that Python sent; the last may be the reader's own. */
function unpackLab(model) {
  const [count, size, , channels] = model.get("shape");
  const pixels = bytesOf(model, "pictures");
  const each = size * size * channels;
  const images = Array.from({ length: count }, (_, k) =>
    imageOf(pixels.subarray(k * each, (k + 1) * each), channels, size),
  );
  const labels = model.get("labels");
  const nameOf = (k) => (k < count ? (labels[k] ?? `image ${k + 1}`) : "your image");
  const data = {
    count,
    size,
    channels,
    images,
    nameOf,
    transforms: model.get("transforms"),
    kept: new Map(),
  };
  data.setOwn = (bytes) => {
    images[count] = imageOf(bytes, channels, size);
    data.kept = new Map(); // views, by their parameters
  };
  return data;
}

/** Compute everything that follows from the state: draws, views, what the pair has in common. */
function lookAt(model, data, columns) {
  const { images, size, channels, transforms, count } = data;
  const picture = Math.min(model.get("picture"), images.length - 1);
  const seed = model.get("seed");
  const on = model.get("on");
  const recipe = recipeOf(channels, {
    strength: model.get("strength"),
    crop: model.get("crop"),
    hue: model.get("hue"),
    transforms,
  });
  if (recipe.gray) recipe.gray.p = model.get("gray");
  if (recipe.blur) recipe.blur.sigma[1] = model.get("blur");
  const draws = drawsFor(seed, recipe, size, count);
  const fresh = new Map();
  const view = (k, names, of = picture) => {
    // each view is made once: a slider changes only a few of them
    const made = only(draws[k], names, size);
    const key = `${of} ${JSON.stringify(made)}`;
    if (!fresh.has(key))
      fresh.set(key, data.kept.get(key) ?? applyView(images[of], channels, size, made));
    return fresh.get(key);
  };
  const places = [...Array(columns).keys()];
  const singly = Object.fromEntries(
    transforms.map((name) => [name, places.map((k) => view(k, [name]))]),
  );
  const together = places.map((k) => view(k, on));
  const boxes = [0, 1].map((k) => only(draws[k], on, size).box);
  const others = [...Array(count).keys()].filter((k) => k !== picture);
  const colours = (names) => {
    // the intersection with view 1: of view 2, and the largest among views of the other images
    const shares = (k, of) => colourShares(view(k, names, of), channels);
    const first = shares(0);
    return {
      partner: inCommon(first, shares(1)),
      rival: Math.max(...others.map((of) => inCommon(first, shares(COLUMNS + of, of)))),
    };
  };
  data.kept = fresh;
  const uncoloured = on.filter((name) => name !== "color" && name !== "gray");
  return {
    picture,
    seed,
    on,
    draws,
    singly,
    together,
    boxes,
    others,
    ...sharedPart(boxes[0], boxes[1], size),
    seen: boxes.map(({ height, width }) => (height * width) / size ** 2),
    alone: colours(uncoloured),
    changed: colours(on),
  };
}

function render({ model, el }) {
  const data = unpackLab(model);
  const live = liveRegion();
  const numbers = Object.values(STRENGTHS)
    .flat()
    .filter(([name]) => model.get(name) !== null);
  const box = frame(
    { model, el, name: "augmentation_lab", title: "Augmentation lab: views of an image" },
    redraw,
    {
      picture: [0, data.count - 1],
      seed: [0, MOST_DRAWS],
      on: (text) => transformsNamed(text, data.transforms),
      ...Object.fromEntries(numbers.map(([name, , least, most]) => [name, { least, most }])),
    },
  );
  let said = "";
  const drawBy = (step) =>
    save(model, { seed: Math.min(MOST_DRAWS, Math.max(0, model.get("seed") + step)) });
  const chooser = buildChooser(model, data, box);
  const pair = buildPair(data, drawBy);
  const rows = buildRows(model, data);
  box.root.append(
    chooser.element,
    pair.element,
    rows.element,
    notice(rich(data.channels === 3 ? NOTICE : GREY_NOTICE)),
    live.element,
  );

  function redraw() {
    const width = box.root.clientWidth;
    if (!width) return; // not in the page yet; the resize observer will call again
    const columns = Math.max(
      4,
      Math.min(COLUMNS, Math.floor((width < 640 ? width : width - 220) / 80)),
    );
    const state = lookAt(model, data, columns);
    const theme = Object.fromEntries(
      ["paper", "cold", "warm"].map((name) => [name, css(colour(box.root, `--ssl-${name}`))]),
    );
    chooser.update(state);
    pair.update(state, theme);
    rows.update(state, columns);
    const which = `Draw ${state.seed + 1} of ${data.nameOf(state.picture)}.`;
    const words = `${which} ${meetingOf(state)} ${findingOf(state, data)}`;
    if (said && said !== words) live.say(words);
    said = words;
  }
  box.root.addEventListener("keydown", keys({ n: () => drawBy(1), b: () => drawBy(-1) }));
  return box.end;
}

const percent = (share) =>
  share > 0 && share < 0.005 ? "under 1%" : `${Math.round(100 * share)}%`;

/** A sentence about the crops of the pair. */
function meetingOf({ relation, share, seen }) {
  const how = {
    apart: "The crops are apart",
    overlap: "The crops overlap",
    same: "Both views see the same part",
    "first inside": "The crop of view 1 is inside that of view 2",
    "second inside": "The crop of view 2 is inside that of view 1",
  }[relation];
  const both = share ? percent(share) : "no part";
  return (
    `${how}. View 1 sees ${percent(seen[0])} of the image, view 2 ${percent(seen[1])}; ` +
    `both see ${both} of it.`
  );
}

/** A sentence about the colours of the pair. */
function findingOf({ alone, changed, others }, { channels }) {
  const what = channels === 3 ? "colours" : "shades";
  const tell = ({ partner, rival }) =>
    [
      percent(partner),
      ...(others.length ? [`with the most similar of the other images ${percent(rival)}`] : []),
    ].join(", ");
  return (
    `In common with view 1, ${what} as they are: view 2 ${tell(alone)}. ` +
    `With all that is switched on: ${tell(changed)}.`
  );
}

/** The choice of the image; the last may be the reader's own. */
function buildChooser(model, data, box) {
  const strip = h("div", {
    class: "ssl-lab-strip",
    role: "group",
    "aria-label": "Choose an image",
  });
  const buttons = [];
  const choose = (picture) => {
    save(model, { picture });
    box.queue();
  };
  const add = (k, ...marks) => {
    const canvas = h("canvas");
    buttons[k]?.remove();
    buttons[k] = h(
      "button",
      {
        type: "button",
        class: k < data.count ? null : "ssl-lab-own",
        onclick: () => choose(k),
        "aria-label": data.nameOf(k),
      },
      canvas,
      ...marks,
    );
    paint(canvas, data.images[k], data);
    strip.append(buttons[k]);
  };
  for (let k = 0; k < data.count; k++) add(k);
  const own = ownImage({
    target: box.root,
    size: data.size,
    channels: data.channels,
    onimage: (bytes) => {
      data.setOwn(bytes);
      add(data.count, h("span", {}, "yours"));
      choose(data.count);
    },
  });
  const update = ({ picture }) =>
    buttons.forEach((element, k) => element.setAttribute("aria-pressed", `${k === picture}`));
  return { element: h("div", { class: "ssl-row" }, strip, own.element), update };
}

/** The image with both crops drawn in, the two views, and what they have in common. */
function buildPair(data, drawBy) {
  const whole = h("canvas");
  const views = [h("canvas"), h("canvas")];
  const words = h("p", { class: "ssl-lab-words" });
  const figure = (name, canvas, caption) =>
    h("figure", { class: name }, canvas, h("figcaption", {}, caption));
  const stage = h(
    "div",
    {
      class: "ssl-lab-stage",
      role: "slider",
      tabindex: 0,
      "aria-label": "Positive pair; arrow keys draw other views",
      "aria-valuemin": 1,
      "aria-valuemax": MOST_DRAWS + 1,
      onkeydown: keys({ ArrowRight: () => drawBy(1), ArrowLeft: () => drawBy(-1) }),
    },
    figure("ssl-lab-whole", whole, "the image, both crops"),
    figure("ssl-lab-first", views[0], "view 1"),
    figure("ssl-lab-second", views[1], "view 2"),
  );
  const back = button("Back", () => drawBy(-1), { "aria-keyshortcuts": "b" });
  const next = button("Draw again", () => drawBy(1), {
    class: "ssl-button ssl-main",
    "aria-keyshortcuts": "n",
  });
  const number = h("span", { class: "ssl-quiet" });
  const tale = buildTale(data);
  const element = h(
    "div",
    { class: "ssl-lab-pair" },
    stage,
    h(
      "div",
      { class: "ssl-lab-side" },
      h("div", { class: "ssl-row" }, back, next, number),
      words,
      tale.element,
    ),
  );
  const update = (state, theme) => {
    const side = whole.parentElement?.clientWidth ?? 0;
    const context = context2d(whole, side, side);
    const copy = h("canvas");
    paint(copy, data.images[state.picture], data);
    context.imageSmoothingQuality = "high";
    context.drawImage(copy, 0, 0, side, side);
    drawCrops(context, state.boxes, side / data.size, theme);
    views.forEach((canvas, k) => paint(canvas, state.together[k], data));
    stage.setAttribute("aria-valuenow", state.seed + 1);
    stage.setAttribute("aria-valuetext", `draw ${state.seed + 1}`);
    back.setAttribute("aria-disabled", `${state.seed === 0}`);
    next.setAttribute("aria-disabled", `${state.seed === MOST_DRAWS}`);
    number.replaceChildren(rich(`draw ${state.seed + 1} <kbd>b</kbd> <kbd>n</kbd>`));
    words.textContent = meetingOf(state);
    tale.update(state);
  };
  return { element, update };
}

/**
 * Draw the outlines of both crops, with their numbers: solid for the first, dashed for the second.
 */
function drawCrops(context, boxes, scale, theme) {
  const inset = 1.5;
  const colours = [theme.cold, theme.warm];
  boxes.forEach(({ top, left, height, width }, k) => {
    const outline = [
      left * scale + inset,
      top * scale + inset,
      width * scale - 2 * inset,
      height * scale - 2 * inset,
    ];
    for (const [lineWidth, strokeStyle] of [
      [5, theme.paper],
      [2.5, colours[k]],
    ]) {
      Object.assign(context, { lineWidth, strokeStyle });
      context.setLineDash(k && lineWidth < 5 ? [7, 5] : []);
      context.strokeRect(...outline);
    }
  });
  Object.assign(context, {
    font: "bold 12px system-ui, sans-serif",
    textAlign: "center",
    textBaseline: "middle",
  });
  boxes.forEach(({ top, left, height, width }, k) => {
    // in opposite corners, so that both numbers are visible
    const [x, y] = k
      ? [(left + width) * scale - 17, (top + height) * scale - 17]
      : [left * scale, top * scale];
    context.fillStyle = colours[k];
    context.fillRect(x, y, 17, 17);
    context.fillStyle = theme.paper;
    context.fillText(`${k + 1}`, x + 8.5, y + 9);
  });
}

/** A table that shows whether colours are enough to find view 2 among views of other images. */
function buildTale({ channels }) {
  const what = channels === 3 ? "colours" : "shades";
  const rows = [`${what} left alone`, "all that is switched on"];
  const cells = rows.map(() => [h("td"), h("td"), h("td")]);
  const rival = h("th", { scope: "col" });
  const element = h(
    "table",
    { class: "ssl-lab-tale" },
    h("caption", {}, `Fraction of ${what} in common with view 1`),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("td"),
        h("th", { scope: "col" }, "view 2"),
        rival,
        h("th", { scope: "col" }, "view 2 found?"),
      ),
    ),
    h(
      "tbody",
      {},
      ...rows.map((name, k) => h("tr", {}, h("th", { scope: "row" }, name), ...cells[k])),
    ),
  );
  const update = ({ alone, changed, others }) => {
    rival.textContent =
      others.length === 1 ? "the other image" : `closest of ${others.length} others`;
    element.classList.toggle("ssl-lab-single", !others.length);
    [alone, changed].forEach(({ partner, rival: best }, k) => {
      const texts = [
        percent(partner),
        others.length ? percent(best) : "",
        partner > best ? "yes" : "no",
      ];
      cells[k].forEach((cell, c) => {
        cell.textContent = texts[c];
      });
    });
  };
  return { element, update };
}

/** A row for each transform, with its switch and its sliders, and a row with all of them. */
function buildRows(model, data) {
  const rows = data.transforms.map((name) => buildTransform(model, data, name));
  const all = buildViews();
  const element = h(
    "div",
    { class: "ssl-lab-rows" },
    ...rows.map((row) => row.element),
    h(
      "div",
      { class: "ssl-lab-row ssl-lab-all", role: "group", "aria-label": "all together" },
      h("div", { class: "ssl-lab-head" }, h("b", {}, "all together")),
      all.element,
    ),
  );
  const update = (state, columns) => {
    element.style.setProperty("--columns", columns);
    rows.forEach((row) => row.update(state));
    all.update(
      state.together,
      state.together.map((_, k) => `view ${k + 1}`),
      data,
    );
  };
  return { element, update };
}

function buildTransform(model, data, name) {
  const id = freshId();
  const views = buildViews();
  const known = name === "color" && data.channels === 1 ? "change shades" : NAMES[name];
  const toggle = h("input", {
    id,
    type: "checkbox",
    onchange: () => {
      const on = new Set(model.get("on"));
      on[toggle.checked ? "add" : "delete"](name);
      save(model, { on: data.transforms.filter((known) => on.has(known)) });
    },
  });
  const strengths = STRENGTHS[name]
    .filter(([key]) => model.get(key) !== null)
    .map(([key, label, min, max, step, format]) => ({
      key,
      ...slider({
        label,
        min,
        max,
        step,
        format,
        oninput: (value) => save(model, { [key]: value }),
      }),
    }));
  const element = h(
    "div",
    { class: "ssl-lab-row", role: "group", "aria-label": known },
    h(
      "div",
      { class: "ssl-lab-head" },
      h("label", { class: "ssl-lab-switch", for: id }, toggle, " ", known),
      ...strengths.map((s) => s.element),
    ),
    views.element,
  );
  const update = ({ on, draws, singly }) => {
    const used = on.includes(name);
    toggle.checked = used;
    element.classList.toggle("ssl-lab-off", !used);
    strengths.forEach(({ key, set }) => {
      if (model.get(key) !== null) set(model.get(key));
    }); // a slider cannot show None from Python
    views.update(
      singly[name],
      singly[name].map((_, k) => (used ? drawnOf(name, draws[k], data) : "not used")),
      data,
    );
  };
  return { element, update };
}

/** The parameters of one view, in a word or two. */
function drawnOf(name, { box, flip, color, gray, sigma }, { size, channels }) {
  const signed = (v) => `${v < 0 ? "−" : "+"}${Math.abs(v).toFixed(2)}`;
  const changed =
    color &&
    (channels === 3 ? `hue ${signed(color.hue)}` : `light ×${color.brightness.toFixed(2)}`);
  const words = {
    crop: percent((box.height * box.width) / size ** 2),
    flip: flip && "mirrored",
    color: changed,
    gray: gray && "grey",
    blur: sigma ? `σ ${sigma.toFixed(1)}` : null,
  }[name];
  return words || "unchanged";
}

/** Thumbnails with a caption below each. */
function buildViews() {
  const element = h("div", { class: "ssl-lab-views" });
  const update = (images, words, data) => {
    while (element.children.length > images.length) element.lastChild?.remove();
    while (element.children.length < images.length)
      element.append(h("figure", {}, h("canvas"), h("figcaption")));
    images.forEach((image, k) => {
      const [canvas, caption] = element.children[k].children;
      paint(canvas, image, data);
      caption.textContent = words[k];
    });
  };
  return { element, update };
}

/** Draw an image into a canvas of its own size, unless it is there already. */
function paint(canvas, image, { size, channels }) {
  if (canvas.width !== size || canvas.height !== size)
    Object.assign(canvas, { width: size, height: size });
  if (canvas.shown === image) return;
  const context = contextOf(canvas);
  const picture = context.createImageData(size, size);
  const { data } = picture;
  canvas.shown = image;
  for (let p = 0, at = 0, step = channels === 3 ? size * size : 0; p < size * size; p++, at += 4) {
    data[at] = 255 * image[p];
    data[at + 1] = 255 * image[step + p];
    data[at + 2] = 255 * image[2 * step + p];
    data[at + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}

export default { render };
