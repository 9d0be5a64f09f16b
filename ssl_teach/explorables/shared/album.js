// Small pictures to choose from, of one set at a time; the reader's own joins them as the last, number `data.count`.

/** `draw(set, k)` is a picture as a canvas, `nameOf(set, k)` what it shows; `choose` is told { picture }, `onown` of a new one. */
function album({ data, target, className, choose, draw, nameOf = (set, k) => data.nameOf(k), onown = () => {} }) {
  const strip = h("div", { class: className, role: "group", "aria-label": "Choose a picture" }), buttons = [];
  let shown = null;
  const add = (k, ...marks) => {
    buttons[k] ??= h("button", { type: "button", class: k < data.count ? null : "ssl-yours", onclick: () => choose({ picture: k }) }, h("canvas"), ...marks);
    strip.append(buttons[k]);
  };
  for (let k = 0; k < data.count; k++) add(k);
  const own = ownPicture({ target, size: data.size, channels: data.channels, onpicture: (bytes) => {
    data.setOwn(bytes);
    add(data.count, h("span", {}, "yours"));
    shown = null;
    onown();
    choose({ picture: data.count });
  } });
  const update = (set, chosen) => {
    if (shown !== set) buttons.forEach((element, k) => {
      element.firstChild.replaceWith(draw(set, k));
      element.setAttribute("aria-label", nameOf(set, k));
    });
    shown = set;
    buttons.forEach((element, k) => element.setAttribute("aria-pressed", k === chosen));
  };
  return { strip, own: own.element, update };
}
