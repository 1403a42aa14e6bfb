// The curves of a training run as uPlot draws them, in the colours of the page.

/** @import { Metrics } from "./messages.js" */

import { make } from "../ui/elements.js";

/**
 * @typedef {"loss" | "margin" | "scale" | "memory"} CurveName
 * @typedef {Metrics["loss"][number]} Point   a step and a value
 * @typedef {Metrics["winner_error"][number]} Check   a step, the winner's error on held-out pairs, and its spread
 * @typedef {{curves: Record<CurveName, Point[]>, error: Check[], total: number, budget: number}} Drawn
 * @typedef {(plot: unknown, low: number | null, high: number | null) => [number, number]} Range
 */

/** @type {CurveName[]} */
export const CURVES = ["loss", "margin", "scale", "memory"]; // one number a step, drawn with its trend

const POINTS = 400;
const HEIGHT = 210;
const FONT = "Inter, sans-serif";

/** @type {Record<CurveName, Range>} */
const RANGES = { loss: around, margin: around, scale: share, memory: fromNothing };

export class Plots {
  there = false;
  /** @type {uPlot | null} */
  errorPlot = null;
  /** @type {Map<CurveName, uPlot>} */
  plots = new Map();
  /** @type {Drawn} */
  drawn = { curves: { loss: [], margin: [], scale: [], memory: [] }, error: [], total: 0, budget: 0.02 };

  /**
   * @param {HTMLElement} root   whose colours are taken
   * @param {string} budgetName
   */
  constructor(root, budgetName) {
    this.root = root;
    this.budgetName = budgetName;
    this.errorBox = make("div", { class: "chart-canvas" });
    this.boxes = {
      loss: make("div", { class: "chart-canvas" }),
      margin: make("div", { class: "chart-canvas" }),
      scale: make("div", { class: "chart-canvas" }),
      memory: make("div", { class: "chart-canvas" }),
    };
  }

  /** Draw all again, in the colours of now. */
  build() {
    this.errorPlot?.destroy();
    for (const plot of this.plots.values()) plot.destroy();
    const accent = this.color("--color-accent");
    const errors = { stroke: accent, width: 2, points: { show: true, size: 6, fill: accent } };
    const hooks = { drawClear: [(/** @type {uPlot} */ plot) => this.drawBand(plot)] };
    this.errorPlot = this.plot(this.errorBox, [errors], signed, () => this.errorRange(), hooks);
    const lines = [
      { stroke: this.color("--sdpo-faint"), width: 1, points: { show: false } },
      { stroke: accent, width: 2.5, points: { show: false } },
    ];
    const short = (/** @type {number} */ value) => String(Number(value.toPrecision(3)));
    for (const name of CURVES) this.plots.set(name, this.plot(this.boxes[name], lines, short, RANGES[name]));
    this.there = true;
  }

  /** @param {Drawn} drawn */
  fill(drawn) {
    this.drawn = drawn;
    for (const [name, plot] of this.plots) {
      const points = thin(drawn.curves[name]);
      const values = points.map((point) => point[1]);
      plot.setData([points.map((point) => point[0]), values, values.length ? trend(values) : []]);
    }
    this.errorPlot?.setData([drawn.error.map((point) => point[0]), drawn.error.map((point) => point[1])]);
  }

  fit() {
    const sized = CURVES.map((name) => /** @type {const} */ ([this.plots.get(name), this.boxes[name]]));
    for (const [plot, box] of [/** @type {const} */ ([this.errorPlot, this.errorBox]), ...sized]) {
      if (box.clientWidth) plot?.setSize({ width: box.clientWidth, height: HEIGHT });
    }
  }

  /** @param {string} name */
  color(name) {
    return getComputedStyle(this.root).getPropertyValue(name).trim();
  }

  /**
   * @param {HTMLElement} box
   * @param {object[]} series
   * @param {(value: number) => string} format
   * @param {Range} range
   */
  plot(box, series, format, range, hooks = {}) {
    const options = {
      width: Math.max(200, box.clientWidth),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      padding: [12, 12, 0, 0],
      scales: { x: { time: false, range: () => [0, Math.max(this.drawn.total, 1)] }, y: { range } },
      axes: this.axes(format),
      series: [{}, ...series],
      hooks,
    };
    return new uPlot(options, [[], ...series.map(() => [])], box);
  }

  /** @param {(value: number) => string} format */
  axes(format) {
    const common = {
      stroke: this.color("--body-text-color-subdued"),
      font: `12px ${FONT}`,
      grid: { stroke: this.color("--border-color-primary"), width: 1 },
      ticks: { show: false },
    };
    const values = (/** @type {unknown} */ _, /** @type {number[]} */ ticks) => ticks.map(format);
    return [
      { ...common, space: 60, size: 28 },
      { ...common, size: 62, space: 32, values },
    ];
  }

  /**
   * The budget is always seen, and every band as a whole.
   * @returns {[number, number]}
   */
  errorRange() {
    const { error, budget } = this.drawn;
    const ends = error.flatMap(([, value, spread]) => [value - (spread ?? 0), value + (spread ?? 0)]);
    return [Math.min(-budget / 2, 1.1 * Math.min(0, ...ends)), Math.max(1.5 * budget, 1.1 * Math.max(0, ...ends))];
  }

  /**
   * The budget, and the band of the checks that were measured with one.
   * @param {uPlot} plot
   */
  drawBand(plot) {
    const { ctx, bbox } = plot;
    const { budget } = this.drawn;
    const top = Math.max(bbox.top, plot.valToPos(budget, "y", true));
    const bottom = Math.min(bbox.top + bbox.height, plot.valToPos(0, "y", true));
    ctx.save();
    ctx.fillStyle = this.color("--sdpo-band");
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
    ctx.strokeStyle = this.color("--sdpo-good");
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, top);
    ctx.lineTo(bbox.left + bbox.width, top);
    ctx.stroke();
    ctx.fillStyle = this.color("--body-text-color-subdued");
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    ctx.font = `${11 * devicePixelRatio}px ${FONT}`;
    ctx.fillText(`${this.budgetName} ${signed(budget).slice(1)}`, bbox.left + 6, top - 3);
    this.drawSpread(plot);
    ctx.restore();
  }

  /** @param {uPlot} plot */
  drawSpread(plot) {
    const { ctx } = plot;
    const checks = this.drawn.error.filter((check) => check[2] !== null);
    /** @type {Check[]} */
    const measured = checks.length ? [[0, 0, 0], ...checks] : []; // before the first step there is no difference
    const edge = (/** @type {1 | -1} */ sign) =>
      measured.map(([step, value, spread]) => ({
        x: plot.valToPos(step, "x", true),
        y: plot.valToPos(value + sign * (spread ?? 0), "y", true),
      }));
    const [upper, lower] = [edge(1), edge(-1)];
    ctx.fillStyle = ctx.strokeStyle = this.color("--sdpo-faint");
    ctx.globalAlpha = 0.7;
    ctx.setLineDash([]);
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.beginPath();
    for (const { x, y } of [...upper, ...[...lower].reverse()]) ctx.lineTo(x, y);
    ctx.fill();
    ctx.beginPath();
    upper.forEach(({ x, y }, i) => {
      ctx.moveTo(x, y);
      ctx.lineTo(x, lower[i].y);
    });
    ctx.stroke();
  }
}

/**
 * At most POINTS points: the mean of every bucket.
 * @param {Point[]} points
 */
function thin(points) {
  const size = Math.ceil(points.length / POINTS);
  /** @type {Point[]} */
  const buckets = [];
  for (let i = 0; i < points.length; i += size) {
    const part = points.slice(i, i + size);
    buckets.push([part[part.length - 1][0], part.reduce((sum, point) => sum + point[1], 0) / part.length]);
  }
  return buckets;
}

/**
 * Running mean, for the trend of a jumping curve.
 * @param {number[]} values
 */
function trend(values) {
  const weight = Math.max(0.05, Math.min(0.3, 8 / values.length));
  let mean = values[0];
  return values.map((value) => {
    mean += weight * (value - mean);
    return mean;
  });
}

/** @param {number} part */
function signed(part) {
  const told = (Math.abs(part) * 100).toFixed(1);
  const sign = Number(told) === 0 ? "" : part > 0 ? "+" : "−"; // there is no −0
  return `${sign}${told} %`;
}

/**
 * A little more than what the curve covers.
 * @param {unknown} _
 * @param {number | null} low
 * @param {number | null} high
 * @returns {[number, number]}
 */
function around(_, low, high) {
  if (low === null || high === null) return [0, 1];
  const margin = 0.05 * (high - low || 1);
  return [low - margin, high + margin];
}

/**
 * The factor on the loser is a share.
 * @returns {[number, number]}
 */
function share() {
  return [0, 1.05];
}

/**
 * Memory is plotted from zero: its jumps are small relative to its size.
 * @param {unknown} _
 * @param {number | null} _low
 * @param {number | null} high
 * @returns {[number, number]}
 */
function fromNothing(_, _low, high) {
  return [0, 1.15 * (high || 1)];
}
