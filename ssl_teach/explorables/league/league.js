// Methods as bars: choose data, labels and measure; click a method to compare the others with it.

import { barCell, percent, withHalf } from "../shared/bars.js";
import { choice } from "../shared/controls.js";
import { h, liveRegion } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { keys, refocused } from "../shared/keyboard.js";
import { save } from "../shared/state.js";

const signed = (value) => `${value < 0 ? "−" : "+"}${percent(Math.abs(value))}`;

function render({ model, el }) {
  const options = model.get("options");
  const choose = (values) => save(model, values);
  const methods = new Set(Object.values(model.get("values")).flatMap(Object.keys));
  const box = frame({ model, el, name: "league", title: "League table" }, redraw, {
    data: { of: options.data },
    labels: { of: options.labels },
    measure: { of: options.measure },
    reference: { of: [...methods] },
    sort: true,
  });
  const controls = /** @type {const} */ ([
    ["data", "images"],
    ["labels", "labels"],
    ["measure", "probe"],
  ]).map(([name, label]) => ({
    name,
    control: choice({
      label,
      options: options[name].map((value) => [value, value]),
      onchange: (value) => choose({ [name]: value }),
    }),
  }));
  const order = h("input", { type: "checkbox", onchange: () => choose({ sort: order.checked }) });
  const live = liveRegion();
  const body = h("tbody");
  const caption = h("caption");
  const heading = h("th", { scope: "col" });
  const step = (by) => {
    const all = options.measure;
    const at = all.indexOf(model.get("measure")) + by;
    choose({ measure: all[(at + all.length) % all.length] });
  };
  const table = h(
    "table",
    {
      class: "ssl-league ssl-chart",
      tabindex: 0,
      onkeydown: keys({ ArrowLeft: () => step(-1), ArrowRight: () => step(1) }),
    },
    caption,
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "method"),
        h("td", { class: "ssl-track" }),
        h("th", { scope: "col" }, "accuracy, %"),
        heading,
      ),
    ),
    body,
  );
  box.root.append(
    h("div", { class: "ssl-row" }, ...controls.map(({ control }) => control.element)),
    h("label", { class: "ssl-order" }, order, " best first"),
    table,
    h(
      "p",
      { class: "ssl-quiet" },
      "Click a method to compare the others with it; ← → on the table change the probe. " +
        "Whiskers: 95% interval of the mean over seeds. Dashed line: chance.",
    ),
    live.element,
  );
  let said = "";

  function redraw() {
    const [data, labels, measure, reference] = ["data", "labels", "measure", "reference"].map(
      (name) => model.get(name),
    );
    for (const { name, control } of controls) control.set(model.get(name));
    order.checked = model.get("sort");
    const methods = model.get("values")[data];
    const chance = model.get("chance")[data];
    const of = (method) => methods[method]?.[labels]?.[measure];
    const given = Object.keys(methods);
    const mean = (method) => of(method)?.[0] ?? -1;
    const ranked = [...given].sort((a, b) => mean(b) - mean(a)); // those without a number last
    const names = model.get("sort") ? ranked : given;
    const base = of(reference);
    heading.textContent = `against ${reference}`;
    caption.textContent = `${data}, ${labels} of the labels, ${measure}`;
    refocused(body, () =>
      body.replaceChildren(
        ...names.map((name) => rowOf(name, of(name), base, chance, name === reference)),
      ),
    );
    const words =
      `${caption.textContent}: ` +
      (of(ranked[0]) ? `best is ${ranked[0]}` : "no numbers") +
      `; ${reference} has ${base ? percent(base[0]) : "no number"}.`;
    if (said && words !== said) live.say(words);
    said = words;
  }

  function rowOf(name, value, base, chance, isReference) {
    const pick = h(
      "button",
      { type: "button", "aria-pressed": isReference, onclick: () => choose({ reference: name }) },
      name,
    );
    const track = value
      ? barCell(value[0], value[1], chance)
      : h("td", { class: "ssl-track", "aria-hidden": "true" });
    const number = value ? withHalf(value[0], value[1]) : "n/a";
    const difference = isReference || !value || !base ? "–" : signed(value[0] - base[0]);
    return h(
      "tr",
      { class: isReference ? "ssl-reference" : null },
      h("th", { scope: "row" }, pick),
      track,
      h("td", {}, number),
      h("td", {}, difference),
    );
  }
  return box.end;
}

export default { render };
