import { context2d, contextOf } from "../shared/canvas.js";
import { choice, slider } from "../shared/controls.js";
import { button, h, liveRegion, notice } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOfBytes } from "../shared/images.js";
import { keys } from "../shared/keyboard.js";
import { bytesOf, save } from "../shared/state.js";

const LARGEST = 352; // side of the image, in CSS pixels

/**
 * A number with three significant digits or so; a dash for null or undefined.
 * @param {number | null | undefined} value
 */
export function inDigits(value) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/**
 * The images of a group; all of them if there are no groups.
 * @param {string[]} groups
 * @param {string} group
 * @param {number} count
 */
export function membersOf(groups, group, count) {
  const all = Array.from({ length: count }, (_, k) => k);
  return groups.length ? all.filter((k) => groups[k] === group) : all;
}

function unpack(model) {
  const [, count, height, width, channels] = model.get("shape");
  const series = model.get("series");
  const pixels = bytesOf(model, "pictures");
  const each = height * width * channels;
  const made = new Map();
  const labels = model.get("labels");
  const picture = (name, k) => {
    const start = (Math.max(0, series.indexOf(name)) * count + k) * each;
    if (!made.has(start)) made.set(start, bitmapOfBytes(pixels, [height, width, channels], start));
    return made.get(start);
  };
  const values = (name, k) =>
    model.get("quantities").map((quantity) => model.get("numbers")[name]?.[quantity]?.[k]);
  return {
    count,
    series,
    groups: model.get("groups"),
    quantities: model.get("quantities"),
    picture,
    values,
    nameOf: (k) => labels[k] ?? `image ${k + 1}`,
  };
}

function render({ model, el }) {
  const data = unpack(model);
  const live = liveRegion();
  let said = "";
  const series = { of: data.series };
  const box = frame({ model, el, name: "wipe", title: model.get("title") }, redraw, {
    ...(data.groups.length ? { group: { of: data.groups } } : {}),
    picture: [0, data.count - 1],
    left: series,
    right: series,
    wipe: [0, 100],
  });
  const choose = (values) => save(model, values);
  const members = () => membersOf(data.groups, model.get("group"), data.count);
  const regroup = (group) => {
    // the same place in the other group is often the same image
    const place = members().indexOf(model.get("picture"));
    const others = membersOf(data.groups, group, data.count);
    choose({ group, picture: others[Math.min(Math.max(0, place), others.length - 1)] });
  };

  const stage = buildStage(data, choose, () => model.get("wipe"));
  const names = [...new Set(data.groups)];
  const group =
    names.length > 1
      ? choice({ label: "images", options: names.map((name) => [name, name]), onchange: regroup })
      : null;
  const strip = buildStrip(data, choose);
  const sides = buildSides(data, model, choose);
  const table = buildTable(data);
  const hint = model.get("notice");
  box.root.append(
    h("p", { class: "ssl-title" }, h("b", {}, model.get("title"))),
    h("div", { class: "ssl-row" }, ...(group ? [group.element] : []), strip.element),
    h(
      "div",
      { class: "ssl-mixer" },
      stage.element,
      h("div", { class: "ssl-side" }, sides.element, table.element),
    ),
    ...(hint ? [notice(hint)] : []),
    live.element,
  );

  function redraw() {
    if (!box.root.clientWidth) return;
    const mine = members();
    const asked = model.get("picture");
    // Python may have set only one of the two
    const picture = mine.includes(asked) ? asked : (mine[0] ?? 0);
    const state = {
      mine,
      picture,
      left: model.get("left"),
      right: model.get("right"),
      wipe: model.get("wipe"),
    };
    group?.set(model.get("group"));
    strip.update(state);
    stage.update(state);
    sides.update(state);
    table.update(state);
    const told = [state.left, state.right].map(
      (name) =>
        `${name}: ` +
        (data
          .values(name, picture)
          .map((v, q) => (v == null ? "" : `${data.quantities[q]} ${inDigits(v)}`))
          .filter(Boolean)
          .join(", ") || "no numbers"),
    );
    const words = `${data.nameOf(picture)}. ${told.join("; ")}. Divider at ${state.wipe} percent.`;
    if (said && words !== said) live.say(words);
    said = words;
  }
  return box.end;
}

/** The image, large: one series left of the divider, the other right of it. */
function buildStage(data, choose, wipe) {
  const to = (value) => choose({ wipe: Math.min(100, Math.max(0, Math.round(value))) });
  const canvas = h("canvas", {
    class: "ssl-picture",
    role: "slider",
    tabindex: 0,
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    onkeydown: keys({
      ArrowLeft: () => to(wipe() - 5),
      ArrowRight: () => to(wipe() + 5),
      Home: () => to(0),
      End: () => to(100),
    }),
  });
  const fine = slider({ label: "divider", min: 0, max: 100, format: (v) => `${v}%`, oninput: to });
  const leftName = h("span");
  const rightName = h("span");
  const element = h(
    "div",
    { class: "ssl-stage" },
    h("p", { class: "ssl-ends" }, leftName, rightName),
    canvas,
    fine.element,
    h("p", { class: "ssl-quiet" }, "Drag on the image, or use ← → on it."),
  );
  let dragged = false;
  const follow = (event) => {
    const { left, width } = canvas.getBoundingClientRect();
    to((100 * (event.clientX - left)) / width);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    dragged = true;
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (dragged) follow(event);
  });
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"]))
    canvas.addEventListener(name, () => {
      dragged = false;
    });

  const update = ({ picture, left, right, wipe: at }) => {
    const side = Math.min(element.clientWidth, LARGEST);
    const context = context2d(canvas, side, side);
    const cut = (side * at) / 100;
    context.imageSmoothingEnabled = false; // show the pixels as they are
    for (const [name, x, width] of [
      [left, 0, cut],
      [right, cut, side - cut],
    ]) {
      context.save();
      context.beginPath();
      context.rect(x, 0, width, side);
      context.clip();
      context.drawImage(data.picture(name, picture), 0, 0, side, side);
      context.restore();
    }
    context.fillStyle = "rgb(0 0 0 / 0.55)";
    context.fillRect(cut - 2, 0, 4, side);
    context.fillStyle = "#fff";
    context.fillRect(cut - 1, 0, 2, side);
    context.beginPath();
    context.arc(Math.min(side - 8, Math.max(8, cut)), side / 2, 8, 0, 2 * Math.PI);
    context.fill();
    context.strokeStyle = "rgb(0 0 0 / 0.7)";
    context.stroke();
    leftName.textContent = `◧ ${left}`;
    rightName.textContent = `${right} ◨`;
    canvas.setAttribute(
      "aria-label",
      `${data.nameOf(picture)}: ${left} on the left, ${right} on the right; ` +
        "arrow keys move the divider",
    );
    canvas.setAttribute("aria-valuenow", at);
    canvas.setAttribute("aria-valuetext", `${at} percent ${left}, ${100 - at} percent ${right}`);
    fine.set(at);
  };
  return { element, update };
}

/** Thumbnails of the chosen group, from the last series. */
function buildStrip(data, choose) {
  const element = h("div", { class: "ssl-strip", role: "group", "aria-label": "Choose an image" });
  let shown = "";
  let buttons = [];
  const update = ({ mine, picture }) => {
    if (shown !== mine.join()) {
      buttons = mine.map((k) =>
        h(
          "button",
          { type: "button", onclick: () => choose({ picture: k }), "aria-label": data.nameOf(k) },
          copyOf(data.picture(data.series.at(-1), k)),
        ),
      );
      element.replaceChildren(...buttons);
      shown = mine.join();
    }
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", `${mine[i] === picture}`));
  };
  return { element, update };
}

/** The choice of the series on each side. */
function buildSides(data, model, choose) {
  const options = data.series.map((name) => [name, name]);
  const left = choice({
    label: "left of the divider",
    options,
    onchange: (name) => choose({ left: name }),
  });
  const right = choice({
    label: "right of it",
    options,
    onchange: (name) => choose({ right: name }),
  });
  const swap = button(
    "⇄ swap",
    () => choose({ left: model.get("right"), right: model.get("left") }),
    { "aria-label": "Swap left and right" },
  );
  const element = h("div", { class: "ssl-sides" }, left.element, right.element, swap);
  const update = (state) => {
    left.set(state.left);
    right.set(state.right);
  };
  return { element, update };
}

/** A row for each series: a thumbnail, and its numbers for this image. */
function buildTable(data) {
  const rows = data.series.map((name) => {
    const thumb = h("td", { class: "ssl-thumb" });
    const cells = data.quantities.map(() => h("td"));
    const side = h("span", { class: "ssl-mark" });
    return {
      name,
      thumb,
      cells,
      side,
      element: h("tr", {}, thumb, h("th", { scope: "row" }, name, side), ...cells),
    };
  });
  const caption = h("caption");
  const table = h(
    "table",
    {},
    caption,
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("td"),
        h("td"),
        ...data.quantities.map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    h("tbody", {}, ...rows.map((row) => row.element)),
  );
  const element = h(
    "div",
    { class: "ssl-numbers", tabindex: 0, role: "region", "aria-label": "Numbers of each image" },
    table,
  ); // it scrolls
  let shown = -1;
  const update = ({ picture, left, right }) => {
    caption.textContent = data.nameOf(picture);
    for (const { name, thumb, cells, side, element: row } of rows) {
      if (shown !== picture) thumb.replaceChildren(copyOf(data.picture(name, picture)));
      data.values(name, picture).forEach((value, q) => {
        cells[q].textContent = inDigits(value);
      });
      side.textContent = (name === left ? " ◧" : "") + (name === right ? " ◨" : "");
      row.classList.toggle("ssl-best", name === left || name === right);
    }
    shown = picture;
  };
  return { element, update };
}

/** A copy of a canvas, which can be in only one place. */
function copyOf(canvas) {
  const copy = h("canvas", { width: canvas.width, height: canvas.height });
  contextOf(copy).drawImage(canvas, 0, 0);
  return copy;
}

export default { render };
