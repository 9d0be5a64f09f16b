// The 2×2 table of transfer: choose a cell, see its rule and its bars; choose a bar, see what it
// trains.

import { barCell, percent, withHalf } from "../shared/bars.js";
import { h, liveRegion } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { keys, refocused } from "../shared/keyboard.js";
import { save } from "../shared/state.js";

/**
 * What a strategy does with each stage, and after which stage the classifier is.
 * @param {string} strategy
 * @param {number} count of stages
 * @returns {{ stages: string[], head: number }}
 */
export function plan(strategy, count) {
  const [method, number] = strategy.split("_");
  const k = Number(number);
  const each = (state) => Array.from({ length: count }, (_, i) => state(i + 1));
  if (method === "probe")
    return { stages: each((stage) => (stage <= k ? "frozen" : "unused")), head: k };
  if (method === "tune")
    return { stages: each((stage) => (stage <= count - k ? "frozen" : "trained")), head: count };
  return { stages: each(() => "fresh"), head: count };
}

const MEANING = {
  frozen: "frozen: keeps what it learnt on the source",
  trained: "trained on, from what it learnt on the source",
  fresh: "trained from random weights",
  unused: "not used",
};

function render({ model, el }) {
  const heads = model.get("heads");
  const cells = model.get("cells");
  const count = model.get("stages");
  const strategies = cells.flatMap((cell) => cell.bars.map((bar) => bar.name));
  const box = frame({ model, el, name: "transfer", title: "The transfer table" }, redraw, {
    cell: [0, cells.length - 1],
    strategy: { of: strategies },
  });
  const live = liveRegion();
  const open = (cell) => save(model, { cell, strategy: cells[cell].follows[0] });
  const move = (across, down) => {
    const cell = model.get("cell");
    const column = (cell % 2) ^ across;
    const row = (cell >> 1) ^ down;
    open(2 * row + column);
    buttons[2 * row + column].focus();
  };
  const buttons = cells.map((cell, number) =>
    h("button", { type: "button", tabindex: 0, onclick: () => open(number) }, cell.rule),
  );
  const table = h(
    "table",
    {
      class: "ssl-transfer",
      onkeydown: keys({
        ArrowLeft: () => move(1, 0),
        ArrowRight: () => move(1, 0),
        ArrowUp: () => move(0, 1),
        ArrowDown: () => move(0, 1),
      }),
    },
    h(
      "thead",
      {},
      h("tr", {}, h("td"), ...heads.columns.map((name) => h("th", { scope: "col" }, name))),
    ),
    h(
      "tbody",
      {},
      ...heads.rows.map((name, row) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, name),
          ...[0, 1].map((column) => h("td", {}, buttons[2 * row + column])),
        ),
      ),
    ),
  );
  const task = h("p");
  const verdict = h("p", { class: "ssl-notice" });
  const stack = h("div", { class: "ssl-stack", role: "img" });
  const bars = h("tbody");
  const told = h("p", { class: "ssl-quiet" });
  const chart = h(
    "table",
    { class: "ssl-chart" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "strategy"),
        h("td", { class: "ssl-track" }),
        h("th", { scope: "col" }, "accuracy, %"),
        h("th", { scope: "col", class: "ssl-wide" }, "parameters"),
        h("th", { scope: "col", class: "ssl-wide" }, "seconds"),
      ),
    ),
    bars,
  );
  box.root.append(
    table,
    task,
    stack,
    told,
    chart,
    h(
      "p",
      { class: "ssl-quiet" },
      "★ what the rule proposes. Whiskers: 95% interval of the mean over seeds. Dashed line: " +
        "chance. Click a strategy to see what it trains.",
    ),
    verdict,
    live.element,
  );
  let said = "";

  function redraw() {
    const number = model.get("cell");
    const cell = cells[number];
    const strategy = cell.bars.some((bar) => bar.name === model.get("strategy"))
      ? model.get("strategy")
      : cell.follows[0];
    buttons.forEach((each, i) => each.setAttribute("aria-pressed", `${i === number}`));
    task.textContent = cell.task;
    verdict.textContent = cell.verdict;
    verdict.hidden = !cell.verdict;
    const chosen = cell.bars.find((bar) => bar.name === strategy);
    drawStack(strategy, chosen);
    refocused(bars, () =>
      bars.replaceChildren(...cell.bars.map((bar) => rowOf(bar, cell, bar === chosen))),
    );
    const words =
      `${heads.rows[number >> 1]}, ${heads.columns[number % 2]}: the rule says ${cell.rule}. ` +
      `${chosen.words}: ${percent(chosen.mean)} per cent.`;
    if (said && words !== said) live.say(words);
    said = words;
  }

  function drawStack(strategy, { words, parameters, seconds }) {
    const { stages, head } = plan(strategy, count);
    const boxes = stages.map((state, i) =>
      h(
        "div",
        { class: `ssl-stage ssl-${state}` },
        h("b", {}, `stage ${i + 1}`),
        h("span", {}, state === "fresh" ? "from random" : state),
      ),
    );
    const classifier = h(
      "div",
      { class: "ssl-stage ssl-head" },
      h("b", {}, "linear"),
      h("span", {}, "new"),
    );
    boxes.splice(head, 0, classifier);
    stack.replaceChildren(
      h("div", { class: "ssl-stage ssl-image" }, h("b", {}, "image")),
      ...boxes,
    );
    const states = [...new Set(stages)];
    told.textContent =
      `${words}: ` +
      states
        .map((use) => {
          const those = stages.flatMap((state, i) => (state === use ? [i + 1] : []));
          return `stage${those.length > 1 ? "s" : ""} ${those.join(", ")} ${MEANING[use]}`;
        })
        .join("; ") +
      `; a new linear classifier reads stage ${head}. ` +
      `It trains ${parameters.toLocaleString("en")} parameters; ` +
      `with all settings tried, that took ${seconds.toFixed(1)} s.`;
    stack.setAttribute("aria-label", told.textContent);
  }

  function rowOf(bar, cell, isChosen) {
    const proposed = cell.follows.includes(bar.name);
    const pick = h(
      "button",
      {
        type: "button",
        "aria-pressed": isChosen,
        onclick: () => save(model, { strategy: bar.name }),
      },
      bar.words,
      proposed ? h("span", { title: "the rule proposes it" }, " ★") : "",
    );
    return h(
      "tr",
      { class: proposed ? "ssl-proposed" : null },
      h("th", { scope: "row" }, pick),
      barCell(bar.mean, bar.half, cell.chance),
      h("td", {}, withHalf(bar.mean, bar.half)),
      h("td", { class: "ssl-wide" }, bar.parameters.toLocaleString("en")),
      h("td", { class: "ssl-wide" }, bar.seconds.toFixed(1)),
    );
  }
  return box.end;
}

export default { render };
