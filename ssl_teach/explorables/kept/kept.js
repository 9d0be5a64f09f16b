// What each task keeps: a grid of tasks by factors. One factor is ranked, two tasks are compared,
// and images show what the factor is. All intervals are over seeds, and differences are paired by
// seed.

/** @import { Colour } from "../shared/types.js" */

import { colour, css, mix } from "../shared/colours.js";
import { choice, fixed } from "../shared/controls.js";
import { freshId, h, liveRegion, notice } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOfBytes } from "../shared/images.js";
import { keys, refocused } from "../shared/keyboard.js";
import { bytesOf, save } from "../shared/state.js";

/**
 * The 0.975 quantile of Student's t distribution.
 * @param {number} degrees of freedom, an integer
 */
export function tQuantile(degrees) {
  const within = (t) => {
    // the probability of |T| < t: Abramowitz and Stegun, 26.7.3 and 26.7.4
    const angle = Math.atan(t / Math.sqrt(degrees));
    const cos = Math.cos(angle);
    const odd = degrees % 2;
    let sum = 0;
    for (let k = odd, term = odd ? cos : 1; k <= degrees - 2; k += 2) {
      sum += term;
      term *= (cos * cos * (k + 1)) / (k + 2);
    }
    return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
  };
  let low = 0;
  let high = 20;
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (within(middle) < 0.95) low = middle;
    else high = middle;
  }
  return high;
}

const meanOf = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

/**
 * The mean of the values of some seeds, and half of its 95% interval; NaN for a single value.
 * @param {number[]} values
 */
export function spreadOf(values) {
  const n = values.length;
  const mean = meanOf(values);
  if (n < 2) return { mean, half: NaN };
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  return { mean, half: tQuantile(n - 1) * Math.sqrt(variance / n) };
}

/**
 * The paired difference of two tasks over the seeds, and what its interval allows us to say of the
 * first.
 * @param {number[]} ours
 * @param {number[]} theirs
 */
export function differenceOf(ours, theirs) {
  const { mean, half } = spreadOf(ours.map((value, seed) => value - theirs[seed]));
  const verdict =
    mean - half > 0
      ? "more"
      : mean + half < 0
        ? "less"
        : Number.isNaN(half)
          ? "one seed"
          : "not significant";
  return { mean, half, verdict };
}

/**
 * Tasks by their mean, the highest first. Those without a number come last, in the order given.
 * @param {string[]} tasks
 * @param {(task: string) => number[] | undefined} numbersOf
 */
export function ranked(tasks, numbersOf) {
  /** @param {string} task */
  const mean = (task) => {
    const numbers = numbersOf(task);
    return numbers ? meanOf(numbers) : -Infinity;
  };
  return [...tasks].sort((a, b) => (mean(a) === mean(b) ? 0 : mean(b) - mean(a)));
}

/**
 * Black or white, whichever is easier to read on a colour.
 * @param {Colour} rgb
 */
export function inkOn(rgb) {
  const [r, g, b] = rgb.map((v) => (v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return (light + 0.05) ** 2 > 1.05 * 0.05 ? "#000" : "#fff";
}

const withInterval = (mean, half) => fixed(mean, 2) + (half >= 0 ? ` ± ${fixed(half, 2)}` : "");
const withSign = ({ mean, half }) => (mean < 0 ? "" : "+") + withInterval(mean, half);
const markOf = (name, { task, versus }) => (name === task ? "●" : name === versus ? "○" : "");

function render({ model, el }) {
  const options = model.get("options");
  const live = liveRegion();
  const task = { of: options.tasks };
  const box = frame({ model, el, name: "kept", title: "What each task keeps" }, redraw, {
    stage: { of: options.stages },
    task,
    versus: task,
    factor: { of: options.factors },
  });
  let said = "";

  const choose = (values) => {
    // a task is not compared with itself
    if (values.task === model.get("versus")) values.versus = model.get("task");
    save(model, values);
  };
  const known = (name, all) => (all.includes(model.get(name)) ? model.get(name) : all[0]);
  const stage = choice({
    label: "stage of the encoder",
    options: options.stages.map((name) => [name, name]),
    onchange: (name) => choose({ stage: name }),
  });
  const grid = buildGrid(model, options, choose);
  const about = buildAbout(model);
  const ranking = buildRanking(model, choose);
  const profile = buildProfile(options, choose);
  const hint = model.get("notice");
  box.root.append(
    ...(options.stages.length > 1 ? [h("div", { class: "ssl-row" }, stage.element)] : []),
    h(
      "div",
      { class: "ssl-kept-box" },
      h(
        "div",
        { class: "ssl-kept" },
        h("div", { class: "ssl-kept-side" }, grid.element, ranking.element),
        h("div", { class: "ssl-kept-side" }, about.element, profile.element),
      ),
    ),
    ...(hint ? [notice(hint)] : []),
    live.element,
  );

  function redraw() {
    /** @type {any} */
    const state = {
      stage: known("stage", options.stages),
      task: known("task", options.tasks),
      versus: known("versus", options.tasks),
      factor: known("factor", options.factors),
    };
    const rows = model.get("values")[state.stage] ?? {};
    state.of = (name, factor = state.factor) => rows[name]?.[factor];
    state.order = ranked(options.tasks, state.of);
    stage.set(state.stage);
    grid.update(state, box.root);
    for (const part of [about, ranking, profile]) part.update(state);
    const words = sentence(state);
    if (said && words !== said) live.say(words);
    said = words;
  }
  return box.end;
}

/** A sentence about the rank of the chosen task in the chosen factor, and its difference. */
function sentence({ stage, task, versus, factor, of, order }) {
  const ours = of(task);
  const theirs = of(versus);
  if (!ours) return `${task}, ${factor}, ${stage}: no number.`;
  const { mean, half } = spreadOf(ours);
  const counted = order.filter((name) => of(name));
  const rank = `number ${counted.indexOf(task) + 1} of ${counted.length}`;
  const start = `${task}, ${factor}, ${stage}: ${withInterval(mean, half)}, ${rank}.`;
  if (!theirs || task === versus) return start;
  const apart = differenceOf(ours, theirs);
  return `${start} Against ${versus}: ${withSign(apart)}, ${apart.verdict}.`;
}

/** The grid: tasks down, factors across. Each cell has a shade and a number; one has the focus. */
function buildGrid(model, { tasks, factors }, choose) {
  const at = (row, column) => cells[tasks[row]][factors[column]];
  const move = (down, right) => () => {
    const row = (tasks.indexOf(model.get("task")) + down + tasks.length) % tasks.length;
    const column = (factors.indexOf(model.get("factor")) + right + factors.length) % factors.length;
    choose({ task: tasks[row], factor: factors[column] });
    at(row, column).focus();
  };
  const cells = Object.fromEntries(
    tasks.map((task) => [
      task,
      Object.fromEntries(
        factors.map((factor) => [
          factor,
          h("td", { role: "gridcell", tabindex: -1, onclick: () => choose({ task, factor }) }),
        ]),
      ),
    ]),
  );
  const heads = Object.fromEntries(
    factors.map((factor) => [
      factor,
      h(
        "th",
        { role: "columnheader", scope: "col", onclick: () => choose({ factor }) },
        h("div", {}, factor, h("span", {}, model.get("factors")[factor].measure)),
      ),
    ]),
  );
  const rows = Object.fromEntries(
    tasks.map((task) => {
      const mark = h("span", { class: "ssl-kept-mark" });
      const head = h(
        "th",
        { role: "rowheader", scope: "row", onclick: () => choose({ task }) },
        mark,
        task,
      );
      return [
        task,
        {
          mark,
          element: h("tr", { role: "row" }, head, ...factors.map((factor) => cells[task][factor])),
        },
      ];
    }),
  );
  const table = h(
    "table",
    {
      class: "ssl-kept-grid",
      role: "grid",
      "aria-label": "What each task keeps: choose a cell",
      onkeydown: keys({
        ArrowUp: move(-1, 0),
        ArrowDown: move(1, 0),
        ArrowLeft: move(0, -1),
        ArrowRight: move(0, 1),
      }),
    },
    h("thead", {}, h("tr", { role: "row" }, h("td"), ...factors.map((factor) => heads[factor]))),
    h("tbody", {}, ...tasks.map((task) => rows[task].element)),
  );
  const element = h(
    "div",
    { class: "ssl-kept-part" },
    table,
    h(
      "p",
      { class: "ssl-quiet" },
      "Choose a cell by mouse, finger or arrow keys. Means over seeds; the stronger the blue, " +
        "the nearer to 1: read without error.",
    ),
  );
  const update = (state, root) => {
    const paper = colour(root, "--ssl-paper");
    const full = colour(root, "--ssl-cold");
    for (const task of tasks) {
      rows[task].mark.textContent = markOf(task, state);
      rows[task].element.classList.toggle("ssl-kept-chosen", task === state.task);
      for (const factor of factors) {
        const cell = cells[task][factor];
        const numbers = state.of(task, factor);
        const chosen = task === state.task && factor === state.factor;
        const mean = numbers ? meanOf(numbers) : 0;
        const shade = mix(paper, full, Math.min(1, Math.max(0, mean)));
        cell.textContent = numbers ? fixed(mean, 2) : "n/a";
        Object.assign(cell.style, { background: css(shade), color: inkOn(shade) });
        cell.tabIndex = chosen ? 0 : -1;
        cell.setAttribute("aria-selected", chosen);
        cell.classList.toggle("ssl-kept-column", factor === state.factor);
      }
    }
    for (const factor of factors)
      heads[factor].classList.toggle("ssl-kept-column", factor === state.factor);
  };
  return { element, update };
}

/**
 * The factor in images of one scene, in which only the factor changes, and its relation to the
 * task.
 */
function buildAbout(model) {
  const title = h("p");
  const strip = h("div", { class: "ssl-kept-strip", role: "img" });
  const note = h("p", { class: "ssl-quiet" });
  const why = h("p");
  const element = h("div", { class: "ssl-kept-part" }, title, strip, note, why);
  const bytes = bytesOf(model, "pictures");
  let shown = "";
  const update = ({ task, factor }) => {
    const { question, shape, start } = model.get("factors")[factor];
    const [count, ...each] = shape;
    const length = each.reduce((product, side) => product * side);
    if (shown !== factor)
      strip.replaceChildren(
        ...Array.from({ length: count }, (_, k) => bitmapOfBytes(bytes, each, start + k * length)),
      );
    shown = factor;
    title.replaceChildren(h("b", {}, factor), `: ${question}`);
    strip.setAttribute(
      "aria-label",
      `One picture, drawn ${count} times; only this changes: ${question}`,
    );
    note.textContent = `One picture, drawn ${count} times: nothing changes but the ${factor}.`;
    const words = model.get("why")[task]?.[factor];
    why.replaceChildren(h("b", {}, `${task} and ${factor}.`), " ", words ?? "");
    why.hidden = !words;
  };
  return { element, update };
}

/** A line from `low` to `high` with marks: { class, from, to } or { class, at }. */
function track(low, high, marks) {
  const place = (value) =>
    `${(100 * (Math.min(high, Math.max(low, value)) - low)) / (high - low)}%`;
  const parts = marks.map(({ class: name, at, from, to }) => {
    const mark = h("i", { class: name });
    mark.style.left = place(at ?? from);
    if (at === undefined) mark.style.width = `${parseFloat(place(to)) - parseFloat(place(from))}%`;
    return mark;
  });
  return h("td", { class: "ssl-kept-track", "aria-hidden": "true" }, h("div", {}, ...parts));
}

const whisker = ({ mean, half }) =>
  half > 0 ? [{ class: "ssl-kept-interval", from: mean - half, to: mean + half }] : [];

/** All tasks for the chosen factor: each seed, the interval, and the baselines as lines. */
function buildRanking(model, choose) {
  const baselines = model.get("baselines");
  const base = baselines[0];
  const title = h("caption");
  const body = h("tbody");
  const from = h("span");
  const legend = [
    `Dots: seeds. Bar: 95% interval of the mean.`,
    ...baselines.slice(0, 2).map((name, k) => ` ${k ? "Dotted" : "Dashed"}: ${name}.`),
  ].join("");
  const table = h(
    "table",
    { class: "ssl-kept-table" },
    title,
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "task"),
        h(
          "td",
          { class: "ssl-kept-track" },
          h("div", { class: "ssl-kept-ends" }, from, h("span", {}, "1")),
        ),
        h("th", { scope: "col" }, "mean"),
        ...(base ? [h("th", { scope: "col", class: "ssl-kept-wide" }, `against ${base}`)] : []),
      ),
    ),
    body,
  );
  const element = h(
    "div",
    { class: "ssl-kept-part" },
    table,
    h("p", { class: "ssl-quiet" }, legend),
  );
  const update = ({ stage, task, versus, factor, of, order }) => {
    title.replaceChildren(h("b", {}, "Which task keeps most"), ` of the ${factor}, ${stage}`);
    const lowest = Math.min(0, ...order.flatMap((name) => of(name) ?? []));
    from.textContent = lowest < 0 ? fixed(lowest, 2) : "0";
    const lines = baselines
      .slice(0, 2)
      .flatMap((name, k) =>
        of(name)
          ? [{ class: k ? "ssl-kept-dotted" : "ssl-kept-dashed", at: meanOf(of(name)) }]
          : [],
      );
    refocused(
      body,
      () =>
        body.replaceChildren(
          ...order.map((name) => {
            const numbers = of(name);
            const all = numbers && spreadOf(numbers);
            const pick = h(
              "button",
              {
                type: "button",
                "aria-pressed": name === task,
                onclick: () => choose({ task: name }),
              },
              h("span", { class: "ssl-kept-mark" }, markOf(name, { task, versus })),
              name,
            );
            const marks = numbers
              ? [...whisker(all), ...numbers.map((at) => ({ class: "ssl-kept-seed", at }))]
              : [];
            const against =
              numbers && of(base) && name !== base ? differenceOf(numbers, of(base)) : null;
            return h(
              "tr",
              { class: name === task ? "ssl-kept-chosen" : null },
              h("th", { scope: "row" }, pick),
              track(lowest, 1, [...lines, ...marks]),
              h("td", {}, numbers ? withInterval(all.mean, all.half) : "n/a"),
              ...(base
                ? [
                    h(
                      "td",
                      { class: "ssl-kept-wide" },
                      against ? `${withSign(against)}, ${against.verdict}` : "–",
                    ),
                  ]
                : []),
            );
          }),
        ),
      unmarked,
    );
  };
  return { element, update };
}

/** The paired difference of two tasks for each factor, with its interval. */
function buildProfile({ tasks, factors }, choose) {
  const id = freshId();
  const title = h("caption");
  const body = h("tbody");
  const select = h(
    "select",
    { id, onchange: () => choose({ versus: select.value }) },
    ...tasks.map((name) => h("option", { value: name }, name)),
  );
  const task = h("b");
  const less = h("span", {}, "← ○");
  const more = h("span", {}, "● →");
  const table = h(
    "table",
    { class: "ssl-kept-table ssl-kept-profile" },
    title,
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "factor"),
        h("td", { class: "ssl-kept-track" }, h("div", { class: "ssl-kept-ends" }, less, more)),
        h("th", { scope: "col" }, "difference"),
      ),
    ),
    body,
  );
  const element = h(
    "div",
    { class: "ssl-kept-part" },
    h(
      "div",
      { class: "ssl-control ssl-kept-versus" },
      h("label", { for: id }, "compare ", task, " with ○"),
      select,
    ),
    table,
    h(
      "p",
      { class: "ssl-quiet" },
      "To the right of zero, ● keeps more; to the left, ○. Differences are paired by seed; where " +
        "the bar includes zero, these seeds show no significant difference.",
    ),
  );
  const update = ({ task: name, versus, factor: chosen, of, stage }) => {
    select.value = versus;
    task.textContent = `● ${name}`;
    title.textContent = `${name} minus ${versus}, ${stage}`;
    refocused(
      body,
      () =>
        body.replaceChildren(
          ...factors.map((factor) => {
            const ours = of(name, factor);
            const theirs = of(versus, factor);
            const apart = ours && theirs && name !== versus ? differenceOf(ours, theirs) : null;
            const pick = h(
              "button",
              {
                type: "button",
                "aria-pressed": factor === chosen,
                onclick: () => choose({ factor }),
              },
              factor,
            );
            const marks = [
              { class: "ssl-kept-zero", at: 0 },
              ...(apart ? [...whisker(apart), { class: "ssl-kept-seed", at: apart.mean }] : []),
            ];
            return h(
              "tr",
              { class: factor === chosen ? "ssl-kept-chosen" : null },
              h("th", { scope: "row" }, pick),
              track(-1, 1, marks),
              h("td", {}, apart ? withSign(apart) : "–", h("span", {}, apart ? apart.verdict : "")),
            );
          }),
        ),
      unmarked,
    );
  };
  return { element, update };
}

const unmarked = (button) => button.lastChild.textContent; // the name without its mark

export default { render };
