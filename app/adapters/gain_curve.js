// Gain against drift over the strengths that were measured: each with its ± 2 standard errors, the one that was kept
// filled, the budget as a line.

/** @import { Curve } from "./messages.js" */

/** @typedef {[x: number, y: number]} Spot */

const BOX = { width: 340, height: 170, left: 34, right: 12, top: 22, bottom: 34 };
const LABEL = 26; // so far apart two strengths can both be named
const MOST_BUDGETS = 3; // a strength that drifts further is drawn at the edge

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {"start" | "middle" | "end"} anchor
 */
function word(x, y, content, anchor, name = "") {
  return svg("text", { x, y, "text-anchor": anchor, class: name }, content);
}

/**
 * @param {Spot} from
 * @param {Spot} to
 * @param {string} name
 */
function line(from, to, name) {
  return svg("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], class: name });
}

/**
 * Where drift and gain are placed in the box, and the largest gain that is named.
 * @param {Curve} curve
 */
function scales({ points, budget }) {
  const { width, height, left, right, top, bottom } = BOX;
  const lowest = Math.min(0, ...points.map((one) => 2 * one.error - one.upper));
  const furthest = Math.min(MOST_BUDGETS * budget, Math.max(1.25 * budget, ...points.map((one) => one.upper)));
  const gains = points.map((one) => one.gain);
  const [least, most] = [Math.min(0, ...gains), Math.max(0.5, Math.ceil(2 * Math.max(...gains)) / 2)];
  /** @param {number} error */
  const x = (error) => {
    const share = (Math.max(lowest, Math.min(furthest, error)) - lowest) / (furthest - lowest);
    return left + share * (width - left - right);
  };
  /** @param {number} gain */
  const y = (gain) => height - bottom - ((gain - least) / (most - least)) * (height - top - bottom);
  return { x, y, most };
}

/**
 * @param {Curve} curve
 * @param {{curveGain: string, curveDrift: string}} text
 */
export function gainCurve(curve, text) {
  const { points, budget, gate, words } = curve;
  const { width, height, left, right, top, bottom } = BOX;
  const { x, y, most } = scales(curve);
  const marks = points.flatMap((one) => [
    line([x(2 * one.error - one.upper), y(one.gain)], [x(one.upper), y(one.gain)], "curve-range"),
    svg("circle", {
      cx: x(one.error),
      cy: y(one.gain),
      r: one.chosen ? 6 : 4,
      class: one.chosen ? "chosen" : "",
    }),
  ]);
  const named = points.filter((one) => one.chosen);
  for (const one of points) {
    if (named.every((other) => Math.abs(x(one.error) - x(other.error)) > LABEL)) named.push(one);
  }
  const names = named.map((one) =>
    word(x(one.error), y(one.gain) - 9, one.strength, "middle", one.chosen ? "chosen" : ""),
  );
  const ordered = points.map((one) => `${x(one.error)},${y(one.gain)}`).join(" ");
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words, class: "card-curve" },
    line([left, y(0)], [width - right, y(0)], "curve-axis"),
    line([x(0), top], [x(0), height - bottom], "curve-axis"),
    line([x(budget), top - 6], [x(budget), height - bottom], "curve-gate"),
    word(x(budget), top - 10, gate, "middle", "curve-gate"),
    word(left - 6, y(most) + 4, String(most), "end"),
    word(left - 6, y(0) + 4, "0", "end"),
    word(left - 28, top - 10, text.curveGain, "start"),
    word(width - right, height - bottom + 16, text.curveDrift, "end"),
    word(x(0), height - bottom + 16, "0 %", "middle"),
    svg("polyline", { points: ordered, class: "curve-path" }),
    ...marks,
    ...names,
  );
}
