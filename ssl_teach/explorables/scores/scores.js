import { choice, fixed, logScale, slider } from "../shared/controls.js";
import { button, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { keys } from "../shared/keyboard.js";
import { allowed } from "../shared/link.js";
import { save } from "../shared/state.js";

const TAU = logScale(0.05, 2, 200, 3);

/**
 * The softmax of cos/τ, InfoNCE -log p₀ with the first as the positive, and ∂ℒ/∂cos: (p₀ - 1)/τ,
 * then p_j/τ.
 * @param {number[]} scores
 * @param {number} tau
 */
export function softmaxLoss(scores, tau) {
  const highest = Math.max(...scores);
  const terms = scores.map((s) => Math.exp((s - highest) / tau));
  const total = terms.reduce((sum, term) => sum + term, 0);
  const shares = terms.map((term) => term / total);
  const loss = Math.log(total) + (highest - scores[0]) / tau; // the log of a sum: p₀ may round to 0
  const gradient = shares.map((share, k) => (share - (k ? 0 : 1)) / tau);
  return { shares, loss, gradient };
}

/**
 * The least loss that cosines can reach: the positive at 1, all negatives at -1.
 * @param {number} ways
 * @param {number} tau
 */
export function leastLoss(ways, tau) {
  return Math.log1p((ways - 1) * Math.exp(-2 / tau));
}

/**
 * Scores for another number of candidates: the first ones are kept, and new negatives resemble
 * those.
 * @param {number[]} scores
 * @param {number} ways
 */
export function resized(scores, ways) {
  return Array.from(
    { length: ways },
    (_, k) => scores[k < scores.length ? k : 1 + ((k - 1) % (scores.length - 1))],
  );
}

/**
 * The scores that a link names: 4, 8 or 16 cosines, or else undefined.
 * @param {string} text
 */
export function scoresOf(text) {
  const length = text.split(",").length;
  return [4, 8, 16].includes(length)
    ? allowed({ list: { least: -1, most: 1 }, length }, text)
    : undefined;
}

const PRESETS = {
  chance: { title: "Chance", scores: () => 0, tau: 0.2 },
  hard: {
    title: "One hard negative",
    scores: (k) => (k === 0 ? 0.8 : k === 1 ? 0.7 : -0.3),
    tau: 0.5,
  },
  apart: { title: "Well separated", scores: (k) => (k === 0 ? 0.9 : -0.2), tau: 0.1 },
  bare: { title: "Bare cosine at its best", scores: (k) => (k === 0 ? 1 : -1), tau: 1 },
};

const NOTICE = [
  "The positive is pulled up by (1 − p)/τ, and each negative is pushed down by its p/τ.",
  "All the pushes down together equal the pull up.",
  "A negative with a large share is pushed hard.",
  "Lower τ, and the hardest negative takes nearly all of the push.",
  "With τ = 1 even the best cosines leave a loss well above 0.",
].join(" ");

const nameOf = (k) => (k ? `negative ${k}` : "positive");

function render({ model, el }) {
  const box = frame({ model, el, name: "scores", title: "Scores to loss" }, redraw, {
    scores: scoresOf,
    tau: { least: 0.05, most: 2 },
    selected: [0, 15],
  });
  const live = liveRegion();
  const chart = buildChart(model);
  const panel = buildNumbers();
  const ways = choice({
    label: "candidates <i>N</i> =",
    options: [
      ["4", "4"],
      ["8", "8"],
      ["16", "16"],
    ],
    onchange: (value) =>
      save(model, {
        scores: resized(model.get("scores"), +value),
        selected: Math.min(model.get("selected"), +value - 1),
      }),
  });
  const tau = slider({
    label: "temperature τ =",
    min: 0,
    max: TAU.positions,
    format: () => TAU.text(model.get("tau")),
    oninput: (position) => save(model, { tau: TAU.at(position) }),
  });
  const presets = Object.values(PRESETS).map(({ title, scores, tau: temperature }) =>
    button(title, () =>
      save(model, {
        scores: model.get("scores").map((_, k) => scores(k)),
        tau: temperature,
        selected: 0,
      }),
    ),
  );
  box.root.append(
    h("div", { class: "ssl-row" }, ways.element, tau.element),
    h("div", { class: "ssl-row ssl-presets", role: "group", "aria-label": "Examples" }, ...presets),
    h("div", { class: "ssl-scores" }, chart.element, panel.element),
    notice(rich(NOTICE)),
    live.element,
  );
  let said = "";

  function redraw() {
    const scores = model.get("scores");
    const selected = Math.min(model.get("selected"), scores.length - 1);
    const state = {
      scores,
      tau: model.get("tau"),
      selected,
      ...softmaxLoss(scores, model.get("tau")),
    };
    ways.set(`${scores.length}`);
    tau.set(TAU.of(state.tau));
    chart.update(state);
    panel.update(state);
    const k = state.selected;
    const words =
      `${nameOf(k)}: cosine ${fixed(scores[k], 2)}, share ${fixed(state.shares[k])}, ` +
      `gradient ${fixed(state.gradient[k])}. ` +
      `Loss ${fixed(state.loss)}, chance ${fixed(Math.log(scores.length))}, ` +
      `τ ${TAU.text(state.tau)}.`;
    if (said && words !== said) live.say(words);
    said = words;
  }
  return box.end;
}

/**
 * A column for each candidate: above, its cosine with the arrow; below, its share.
 */
function buildChart(model) {
  const columns = h("div", { class: "ssl-columns" });
  const parts = [];
  const set = (k, value) => {
    const scores = [...model.get("scores")];
    scores[k] = Math.round(20 * Math.min(1, Math.max(-1, value))) / 20;
    save(model, { scores, selected: k });
  };
  const build = (k, many) => {
    const move = (by) => () => set(k, model.get("scores")[k] + by);
    const at = (event) => {
      const { top, height } = track.getBoundingClientRect();
      set(k, 1 - (2 * (event.clientY - top)) / height);
    };
    const fill = h("div", { class: "ssl-fill" });
    const knob = h("div", { class: "ssl-knob" });
    const arrow = h("div", { class: "ssl-arrow", "aria-hidden": "true" });
    let held = false;
    const track = h(
      "div",
      {
        class: "ssl-score",
        role: "slider",
        tabindex: 0,
        "aria-orientation": "vertical",
        "aria-valuemin": -1,
        "aria-valuemax": 1,
        "aria-label": k ? `score of negative ${k}` : "score of the positive",
        onkeydown: keys({
          ArrowUp: move(0.05),
          ArrowRight: move(0.05),
          ArrowDown: move(-0.05),
          ArrowLeft: move(-0.05),
          PageUp: move(0.25),
          PageDown: move(-0.25),
          Home: () => set(k, -1),
          End: () => set(k, 1),
        }),
        onfocus: () => {
          if (model.get("selected") !== k) save(model, { selected: k });
        },
        onpointerdown: (event) => {
          if (event.button !== 0) return;
          held = true;
          track.setPointerCapture(event.pointerId);
          track.focus();
          at(event);
          event.preventDefault();
        },
        onpointermove: (event) => {
          if (held) at(event);
        },
        onpointerup: () => {
          held = false;
        },
        onpointercancel: () => {
          held = false;
        },
      },
      fill,
      arrow,
      knob,
    );
    const share = h("div", { class: "ssl-share-fill" });
    const number = h("div", { class: "ssl-share-number" });
    const element = h(
      "div",
      { class: `ssl-column${k ? "" : " ssl-positive"}` },
      track,
      h("div", { class: "ssl-share", "aria-hidden": "true" }, share),
      number,
      h(
        "div",
        { class: "ssl-name", "aria-hidden": "true" },
        rich(!k ? "<i>x</i>⁺" : many ? `${k}` : `<i>x</i><sub>${k}</sub>⁻`),
      ),
    );
    return { element, track, fill, arrow, knob, share, number };
  };
  const legend = h(
    "p",
    { class: "ssl-quiet" },
    "Above: cosines from −1 to 1; drag a bar, or focus it and press ↑ ↓. The arrow is where " +
      "gradient descent pushes the cosine. Below: the softmax share p.",
  );
  const element = h("div", { class: "ssl-chart" }, columns, legend);
  const update = ({ scores, shares, gradient, selected }) => {
    if (parts.length !== scores.length) {
      parts.splice(0, parts.length, ...scores.map((_, k) => build(k, scores.length > 8)));
      columns.replaceChildren(...parts.map((part) => part.element));
      columns.classList.toggle("ssl-many", scores.length > 8);
    }
    const longest = Math.max(...gradient.map(Math.abs), 1e-9);
    parts.forEach((part, k) => {
      const height = 50 * (1 - scores[k]);
      const slope = gradient[k];
      const length = (38 * Math.abs(slope)) / longest;
      Object.assign(part.fill.style, {
        top: `${Math.min(50, height)}%`,
        height: `${Math.abs(50 - height)}%`,
      });
      part.knob.style.top = `${height}%`;
      const up = slope < 0;
      part.arrow.className = `ssl-arrow ${up ? "ssl-up" : "ssl-down"}`;
      Object.assign(part.arrow.style, {
        height: `${length}px`,
        top: up ? `calc(${height}% - ${length}px)` : `${height}%`,
        visibility: length < 1.5 ? "hidden" : "visible",
      });
      part.share.style.height = `${100 * shares[k]}%`;
      part.number.textContent =
        scores.length > 8 ? shares[k].toFixed(2).replace("0.", ".") : shares[k].toFixed(3);
      part.track.setAttribute("aria-valuenow", scores[k]);
      part.track.setAttribute(
        "aria-valuetext",
        `${fixed(scores[k], 2)}, share ${fixed(shares[k])}`,
      );
      part.element.classList.toggle("ssl-chosen", k === selected);
    });
  };
  return { element, update };
}

/** Numbers of the selected candidate and of all, and the loss on a line from 0 past chance. */
function buildNumbers() {
  const one = { score: "cosine", share: "share <i>p</i>", gradient: "∂ℒ/∂cos" };
  const all = {
    loss: "loss ℒ = −log <i>p</i>⁺",
    chance: "chance, log <i>N</i>",
    certified: "log <i>N</i> − ℒ",
    least: "least loss at this τ",
    hardest: "share of the push on the hardest negative",
  };
  const values = Object.fromEntries(
    [...Object.keys(one), ...Object.keys(all)].map((name) => [
      name,
      h("dd", { "data-value": name }),
    ]),
  );
  const list = (words) =>
    h(
      "dl",
      {},
      ...Object.entries(words).flatMap(([name, text]) => [h("dt", {}, rich(text)), values[name]]),
    );
  const title = h("p", { class: "ssl-title" });
  const bar = h("div", { class: "ssl-loss-fill" });
  const line = h("div", { class: "ssl-loss-chance" });
  const element = h(
    "div",
    { class: "ssl-numbers" },
    title,
    list(one),
    h("p", { class: "ssl-title" }, "All together"),
    h("div", { class: "ssl-loss", "aria-hidden": "true" }, bar, line),
    list(all),
    h("p", { class: "ssl-quiet" }, "Bar: the loss. Dashed: log N."),
  );
  const update = ({ scores, shares, gradient, selected, loss, tau }) => {
    const ways = scores.length;
    const chance = Math.log(ways);
    const pushed = 1 - shares[0];
    const whole = 2 * chance;
    title.textContent = selected ? `Negative ${selected}` : "The positive";
    const numbers = {
      score: scores[selected],
      share: shares[selected],
      gradient: gradient[selected],
      loss,
      chance,
      certified: chance - loss,
      least: leastLoss(ways, tau),
      hardest:
        pushed > 1e-12
          ? Math.max(...shares.slice(1)) / shares.slice(1).reduce((sum, p) => sum + p, 0)
          : 0,
    };
    for (const [name, value] of Object.entries(numbers))
      values[name].textContent = fixed(value, name === "score" ? 2 : 3);
    bar.style.width = `${Math.min(100, (100 * loss) / whole)}%`;
    line.style.left = `${(100 * chance) / whole}%`;
  };
  return { element, update };
}

export default { render };
