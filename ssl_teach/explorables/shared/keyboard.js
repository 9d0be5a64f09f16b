// The keyboard, and the element that has its focus.

/**
 * Keep a key from the page around the figure: in JupyterLab, "x" would delete the cell.
 * @param {KeyboardEvent} event
 */
export function keepKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter"))
    return;
  event.stopPropagation();
}

/**
 * A keydown listener from actions by key: keys({ ArrowLeft: back }). It ignores other keys.
 * @param {Record<string, (event: KeyboardEvent) => void>} actions
 */
export function keys(actions) {
  /** @param {KeyboardEvent} event */
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = actions[event.key];
    if (!act) return;
    event.preventDefault();
    act(event);
  };
}

/**
 * Rebuild the rows of a table. If a button in it had the focus, the new button of the same name
 * gets it.
 * @param {HTMLElement} body
 * @param {() => void} build
 * @param {(button: Element) => string | null} [nameOf]
 */
export function refocused(body, build, nameOf = (button) => button.textContent) {
  const active = document.activeElement;
  const focused = active && body.contains(active) ? nameOf(active) : null;
  build();
  if (focused)
    [...body.querySelectorAll("button")].find((each) => nameOf(each) === focused)?.focus();
}

/**
 * Run `update`, and return whether it hid the element that had the focus: a button may disappear
 * when it is pressed.
 * @param {HTMLElement} root
 * @param {() => void} update
 */
export function losesFocus(root, update) {
  const focused = document.activeElement;
  const ours = root.contains(focused);
  update();
  return ours && !focused?.getClientRects().length;
}
