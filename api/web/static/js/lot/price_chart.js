// The price over time as steps: what was paid when, from the first bid to now.

import { svg } from "../shared/element.js";
import { t, timeOfDay } from "../shared/i18n.js";
import { yuanShort } from "../shared/money.js";

const HEIGHT = 208;
const LEFT = 8;
const RIGHT = 8;
const TOP = 22;
const BOTTOM = 24;
const POINTS_MAX = 600;

export class PriceChart {
  #host;
  #points = [];
  #scheduled = false;
  #now;

  constructor(host, now) {
    this.#host = host;
    this.#now = now;
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** Start again from these bids: [{at_ms, amount_fen}], oldest first. */
  reset(bids) {
    this.#points = bids.map((bid) => [bid.at_ms, bid.amount_fen]);
    this.#thin();
    this.draw();
  }

  add(atMs, amountFen) {
    const last = this.#points.at(-1);
    if (last && atMs < last[0]) return;
    this.#points.push([atMs, amountFen]);
    this.#thin();
    this.draw();
  }

  /** Draw at the next frame, once however much came in. */
  draw() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  /** Keep the shape with fewer points: of each neighbouring pair the later one stays. */
  #thin() {
    if (this.#points.length <= POINTS_MAX) return;
    const last = this.#points.at(-1);
    this.#points = this.#points.filter((_, index) => index === 0 || index % 2 === 1);
    if (this.#points.at(-1) !== last) this.#points.push(last);
  }

  #draw() {
    const points = this.#points;
    if (points.length === 0) {
      this.#host.replaceChildren();
      return;
    }
    const width = Math.max(240, this.#host.clientWidth);
    const from = points[0][0];
    const until = Math.max(points.at(-1)[0], Math.min(this.#now(), points.at(-1)[0] + 600_000), from + 1000);
    const most = Math.max(...points.map((point) => point[1])) * 1.04;
    const x = (at) => LEFT + ((at - from) / (until - from)) * (width - LEFT - RIGHT);
    const y = (fen) => HEIGHT - BOTTOM - (fen / most) * (HEIGHT - TOP - BOTTOM);
    let path = `M${x(from).toFixed(1)},${y(points[0][1]).toFixed(1)}`;
    for (const [at, fen] of points.slice(1)) path += `H${x(at).toFixed(1)}V${y(fen).toFixed(1)}`;
    path += `H${x(until).toFixed(1)}`;
    const floor = y(0).toFixed(1);
    const highest = points.reduce((a, b) => (b[1] >= a[1] ? b : a));
    const picture = svg(
      "svg",
      {
        viewBox: `0 0 ${width} ${HEIGHT}`,
        role: "img",
        "aria-label": t("lot.chart-label", { price: yuanShort(highest[1]) }),
      },
      ...[0.5, 1].map((part) =>
        svg("line", {
          class: "grid",
          x1: LEFT,
          x2: width - RIGHT,
          y1: y((most / 1.04) * part),
          y2: y((most / 1.04) * part),
        }),
      ),
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: floor, y2: floor }),
      svg("path", { class: "area", d: `${path}V${floor}H${x(from).toFixed(1)}Z` }),
      svg("path", { class: "line", d: path }),
      label(LEFT, y(most / 1.04) - 6, `¥${yuanShort(highest[1])}`, "start"),
      label(LEFT, HEIGHT - 6, timeOfDay(from), "start"),
      label(width - RIGHT, HEIGHT - 6, timeOfDay(until), "end"),
    );
    this.#host.replaceChildren(picture);
  }
}

function label(x, y, text, anchor) {
  const made = svg("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}
