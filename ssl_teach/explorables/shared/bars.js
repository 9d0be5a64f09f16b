// Bars with whiskers in a table of class "ssl-chart": one cell for each bar.

/** A table cell with a bar of `mean`, whiskers of `half` to both sides, and the line of guessing. */
function barCell(mean, half, chance) {
  const at = (x) => `${Math.min(100, Math.max(0, 100 * x))}%`;
  const bar = h("div", { class: "ssl-bar" }), cell = h("td", { class: "ssl-track", "aria-hidden": "true" }, bar);
  bar.style.width = at(mean);
  if (half > 0) {
    const whisker = h("div", { class: "ssl-whisker" }), low = Math.max(0, mean - half), high = Math.min(1, mean + half);
    Object.assign(whisker.style, { left: at(low), width: at(high - low) });
    cell.append(whisker);
  }
  if (chance != null) {
    const line = h("div", { class: "ssl-chance" });
    line.style.left = at(chance);
    cell.append(line);
  }
  return cell;
}

/** 100 times a share, halves rounded away from zero as in Python (`decimal` in records.py). */
const percent = (value) => (100 * value + 1e-9 * Math.sign(value)).toFixed(1);

/** "52.5 ± 3.1", or the mean alone if there is no interval. */
const withHalf = (mean, half) => percent(mean) + (half > 0 ? ` ± ${percent(half)}` : "");
