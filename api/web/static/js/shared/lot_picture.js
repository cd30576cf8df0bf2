// A drawn placeholder for a lot without a picture: a car in the lot's own colours, with its number.

import { svg } from "./element.js";

/** An SVG for a lot; the same lot always looks the same. */
export function lotPicture(lotId) {
  let hash = 7;
  for (const letter of lotId) hash = (hash * 31 + letter.charCodeAt(0)) % 360;
  const hue = (hash * 137) % 360;
  const number = lotId.slice(lotId.lastIndexOf("-") + 1);
  const text = svg("text", {
    x: 80,
    y: 40,
    "text-anchor": "middle",
    "font-size": 24,
    "font-weight": 700,
    fill: `hsl(${hue} 60% 94%)`,
  });
  text.textContent = number;
  return svg(
    "svg",
    { viewBox: "0 0 160 120" },
    svg("rect", { width: 160, height: 120, fill: `hsl(${hue} 42% 30%)` }),
    svg("circle", { cx: 126, cy: 22, r: 50, fill: `hsl(${(hue + 30) % 360} 50% 40% / 60%)` }),
    text,
    svg("path", {
      d: "M14 92 Q16 74 36 71 L52 56 Q57 51 65 51 H99 Q107 51 113 57 L127 70 Q146 72 147 92 Z",
      fill: `hsl(${hue} 30% 92%)`,
    }),
    svg("path", { d: "M57 70 L66 58 H80 V70 Z M86 58 H99 Q103 58 106 61 L114 70 H86 Z", fill: `hsl(${hue} 42% 30%)` }),
    svg("circle", { cx: 45, cy: 92, r: 13, fill: `hsl(${hue} 30% 14%)` }),
    svg("circle", { cx: 45, cy: 92, r: 5.5, fill: `hsl(${hue} 30% 80%)` }),
    svg("circle", { cx: 117, cy: 92, r: 13, fill: `hsl(${hue} 30% 14%)` }),
    svg("circle", { cx: 117, cy: 92, r: 5.5, fill: `hsl(${hue} 30% 80%)` }),
    svg("rect", { x: 0, y: 104, width: 160, height: 2, fill: `hsl(${hue} 30% 92% / 35%)` }),
  );
}
