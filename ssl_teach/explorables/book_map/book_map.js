// A map of the book: nodes in bands, lines between them, and the chosen node's question below.

import { h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOfBytes } from "../shared/images.js";
import { keys } from "../shared/keyboard.js";
import { bytesOf, save } from "../shared/state.js";

/**
 * The node `by` places further in reading order; the first follows the last.
 * @param {string[]} order
 * @param {string} name
 * @param {number} by
 */
export function stepTo(order, name, by) {
  const at = order.indexOf(name) + by;
  return order[(at + order.length) % order.length];
}

/**
 * The nearest node in the next row up (-1) or down (1), or the node itself if there is none.
 * @param {{ name: string, x: number, y: number }[]} boxes centres; nodes of one row may differ in y
 *   by a few pixels
 * @param {string} name
 * @param {number} by
 */
export function rowTo(boxes, name, by) {
  const here = boxes[boxes.findIndex((box) => box.name === name)];
  const beyond = boxes.filter((box) => by * (box.y - here.y) > 8);
  if (!beyond.length) return name;
  const next = Math.min(...beyond.map((box) => Math.abs(box.y - here.y)));
  const row = beyond.filter((box) => Math.abs(Math.abs(box.y - here.y) - next) <= 8);
  return row.reduce((best, box) =>
    Math.abs(box.x - here.x) < Math.abs(best.x - here.x) ? box : best,
  ).name;
}

/**
 * A line between two boxes, as the d of an SVG path.
 * @param {DOMRectReadOnly | { left: number, right: number, top: number, bottom: number }} a
 * @param {DOMRectReadOnly | { left: number, right: number, top: number, bottom: number }} b
 */
export function lineBetween(a, b) {
  const middle = (box) => [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const [ax, ay] = middle(a);
  const [bx, by] = middle(b);
  if (Math.abs(ay - by) <= 8 && Math.abs(ax - bx) < 1.5 * (a.right - a.left))
    return `M${ax} ${ay}L${bx} ${by}`; // neighbours
  if (Math.abs(ay - by) <= 8) {
    // in an arch above those between them
    const top = Math.min(a.top, b.top) - 10;
    const arch = `C${ax} ${top} ${ax} ${top} ${(ax + bx) / 2} ${top}S${bx} ${top} ${bx} ${b.top}`;
    return `M${ax} ${a.top}${arch}`;
  }
  const [from, to] = ay < by ? [a.bottom, b.top] : [a.top, b.bottom];
  const half = (from + to) / 2;
  return `M${ax} ${from}C${ax} ${half} ${bx} ${half} ${bx} ${to}`;
}

/** Whether this is a page of the book, where a lesson is a page in the same folder. */
const inBook = () => document.querySelector(".bd-article") !== null;

function render({ model, el }) {
  const nodes = model.get("nodes");
  const parts = model.get("parts");
  const order = parts.flatMap((part) => part.nodes);
  const bytes = bytesOf(model, "pictures");
  const live = liveRegion();
  const box = frame({ model, el, name: "book_map", title: "Map of the book" }, redraw, {
    chosen: { of: order },
  });
  let said = "";
  let shown = "";

  const picture = ({ shape, start }) => bitmapOfBytes(bytes, shape, start);
  const choose = (name) => {
    save(model, { chosen: name });
    buttons[name].focus({ preventScroll: true });
  };
  const centres = () =>
    order.map((name) => {
      const { left, right, top, bottom } = buttons[name].getBoundingClientRect();
      return { name, x: (left + right) / 2, y: (top + bottom) / 2 };
    });
  const step = (by) => () => choose(stepTo(order, model.get("chosen"), by));
  const row = (by) => () => choose(rowTo(centres(), model.get("chosen"), by));
  const moves = keys({
    ArrowLeft: step(-1),
    ArrowRight: step(1),
    ArrowUp: row(-1),
    ArrowDown: row(1),
  });

  const buttons = Object.fromEntries(
    order.map((name) => [
      name,
      h(
        "button",
        { type: "button", class: "ssl-node", onclick: () => choose(name) },
        picture(nodes[name].given[0]),
        h("span", {}, nodes[name].title),
      ),
    ]),
  );
  const lines = /** @type {SVGSVGElement} */ (
    rich('<svg aria-hidden="true" class="ssl-lines"></svg>').firstChild
  );
  const bands = parts.map(({ title, nodes: inside }) =>
    h(
      "div",
      { class: "ssl-band", role: "group", "aria-label": title },
      h("p", { class: "ssl-quiet" }, title),
      h("div", { class: "ssl-nodes" }, ...inside.map((name) => buttons[name])),
    ),
  );
  const map = h("div", { class: "ssl-map", onkeydown: moves }, lines, ...bands);
  const detail = h("div", { class: "ssl-detail" });
  box.root.append(
    map,
    detail,
    h("p", { class: "ssl-quiet" }, "Choose a lesson with the mouse, a finger or the arrow keys."),
    ...(model.get("notice") ? [notice(model.get("notice"))] : []),
    live.element,
  );

  function redraw() {
    const chosen = nodes[model.get("chosen")] ? model.get("chosen") : order[0];
    const node = nodes[chosen];
    const next = order.filter((name) => nodes[name].after.includes(chosen));
    for (const name of order) {
      buttons[name].setAttribute("aria-pressed", `${name === chosen}`);
      buttons[name].classList.toggle(
        "ssl-linked",
        next.includes(name) || node.after.includes(name),
      ); // since lines may cross other nodes
      // the Tab key stops once, and the arrow keys move from there
      buttons[name].tabIndex = name === chosen ? 0 : -1;
    }
    drawLines(chosen);
    const link = inBook();
    if (shown !== chosen + link) detail.replaceChildren(...describe(node, next, link));
    shown = chosen + link;
    const words = `${node.title}. ${node.question}`;
    if (said && words !== said) live.say(words);
    said = words;
  }

  function drawLines(chosen) {
    const origin = map.getBoundingClientRect();
    const place = (name) => {
      const { left, right, top, bottom } = buttons[name].getBoundingClientRect();
      return {
        left: left - origin.left,
        right: right - origin.left,
        top: top - origin.top,
        bottom: bottom - origin.top,
      };
    };
    const line = (from, to) => {
      const near = [from, to].includes(chosen) ? "ssl-near" : "";
      return `<path d="${lineBetween(place(from), place(to))}" class="${near}"/>`;
    };
    lines.innerHTML = order
      .flatMap((name) => nodes[name].after.map((before) => line(before, name)))
      .join("");
  }

  function describe(node, next, link) {
    const titles = (names) => names.map((name) => nodes[name].title).join(", ");
    const neighbours = [
      node.after.length ? `Builds on ${titles(node.after)}.` : "",
      next.length ? `Leads to ${titles(next)}.` : "",
    ];
    const row = (pictures) =>
      pictures.map((each) => {
        const canvas = picture(each);
        const [height, width] = each.shape;
        const side =
          Math.min(132, 132 * Math.max(0.5, Math.max(height, width) / 32)) /
          (pictures.length > 2 ? 1.6 : pictures.length > 1 ? 1.25 : 1);
        canvas.style.width = `${Math.round((side * width) / Math.max(height, width))}px`;
        return canvas;
      });
    const answer =
      typeof node.wanted === "string" ? `; the answer: ${node.wanted}` : "; the answer is an image";
    const words = `An example: ${node.facts[0]?.[1] ?? node.title}${answer}`;
    const example = h(
      "div",
      { class: "ssl-example", role: "img", "aria-label": words },
      h("div", {}, ...row(node.given)),
      h(
        "div",
        { class: "ssl-answer" },
        h("span", { class: "ssl-arrow" }, "→"),
        ...(typeof node.wanted === "string"
          ? [h("span", { class: "ssl-wanted" }, node.wanted)]
          : row(node.wanted)),
      ),
    );
    const facts = h(
      "dl",
      {},
      ...node.facts.flatMap(([heading, text]) => [h("dt", {}, heading), h("dd", {}, text)]),
    );
    const where = !node.page
      ? []
      : [
          h(
            "p",
            { class: "ssl-where" },
            link
              ? h("a", { href: `${node.page}.html` }, `Go to the lesson: ${node.title}`)
              : h("span", {}, "notebook ", h("code", {}, `${node.page}.ipynb`)),
          ),
        ];
    return [
      h("p", { class: "ssl-question" }, h("b", {}, node.title), " ", node.question),
      h("div", { class: "ssl-row ssl-told" }, example, facts),
      h("p", { class: "ssl-quiet" }, neighbours.join(" ").trim()),
      ...where,
    ];
  }
  return box.end;
}

export default { render };
