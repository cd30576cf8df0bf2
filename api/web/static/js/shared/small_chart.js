// Small charts in SVG: steps of a price and bars of counts over the same time, for staff's pages and printed reports.

import { svg } from "./element.js";

const WIDTH = 340;
const HEIGHT = 104;
const BOTTOM = 18;
const TOP = 16;

function label(x, y, words, anchor) {
  const made = svg("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}

function picture(kind, words, { from, until }, most, shapes) {
  const floor = HEIGHT - BOTTOM;
  return svg(
    "svg",
    { class: `small-chart ${kind}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words },
    svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: TOP, y2: TOP }),
    svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: floor, y2: floor }),
    ...shapes,
    label(0, TOP - 4, most, "start"),
    label(0, HEIGHT - 4, from, "start"),
    label(WIDTH, HEIGHT - 4, until, "end"),
  );
}

/** Where moments and values go: `x(at)` and `y(value)` for the parts [{at_ms}] of `widthMs` each. */
function scale(parts, widthMs, most) {
  const first = parts[0].at_ms;
  const lasted = parts.at(-1).at_ms + widthMs - first;
  return {
    x: (at) => ((at - first) / lasted) * WIDTH,
    y: (value) => HEIGHT - BOTTOM - (value / most) * (HEIGHT - BOTTOM - TOP),
  };
}

/** The price after each part, as steps; `words` describe it, `most` names the highest, `ends` the first and last moment. */
export function priceSteps(parts, widthMs, words, most, ends) {
  const priced = parts.filter((part) => part.price_fen !== null);
  if (!priced.length) return null;
  const { x, y } = scale(parts, widthMs, Math.max(...priced.map((part) => part.price_fen)));
  let path = `M${x(priced[0].at_ms).toFixed(1)},${y(priced[0].price_fen).toFixed(1)}`;
  for (const part of priced.slice(1)) path += `H${x(part.at_ms).toFixed(1)}V${y(part.price_fen).toFixed(1)}`;
  path += `H${WIDTH}`;
  return picture("steps", words, ends, most, [svg("path", { class: "line", d: path })]);
}

/** The number of bids in each part, as bars. */
export function bidBars(parts, widthMs, words, most, ends) {
  if (!parts.length) return null;
  const { x, y } = scale(parts, widthMs, Math.max(...parts.map((part) => part.bids)));
  const wide = Math.max(1, x(parts[0].at_ms + widthMs) - 1);
  const bars = parts.map((part) =>
    svg("rect", {
      class: "bar",
      x: x(part.at_ms).toFixed(1),
      y: y(part.bids).toFixed(1),
      width: wide.toFixed(1),
      height: (HEIGHT - BOTTOM - y(part.bids)).toFixed(1),
    }),
  );
  return picture("bars", words, ends, most, bars);
}
