// Curves of a training run and the gauge "Still healthy?". Points come incrementally while it runs.

/** @import { Host } from "../ui/widget.js" */
/** @import { Health, LiveChartServer, Metrics } from "./messages.js" */
/** @import { Check, CurveName, Point } from "./plots.js" */
/** @import { LiveChartText } from "./strings.js" */

import { fill, make } from "../ui/elements.js";
import { Widget } from "../ui/widget.js";
import { CURVES, Plots } from "./plots.js";

/** @param {Host<LiveChartText, LiveChartServer>} host */
export function mount(host) {
  new LiveChart(host).start();
}

/** @returns {Record<CurveName, Point[]>} */
function noCurves() {
  return { loss: [], margin: [], scale: [], memory: [] };
}

/** @extends {Widget<LiveChartText, LiveChartServer>} */
class LiveChart extends Widget {
  curves = noCurves();
  /** @type {Check[]} */
  error = [];
  offset = 0;
  file = "";
  total = 0;
  budget = 0.02;
  busy = false;
  last = ""; // the run that is shown
  problem = ""; // why the run's numbers can't be shown

  /** @param {Host<LiveChartText, LiveChartServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.sentence = make("p", { class: "gauge-sentence", "aria-live": "polite", text: text.unknown });
    this.figures = make("p", { class: "gauge-figures" });
    this.mark = make("i", { hidden: true });
    this.gauge = make(
      "section",
      { class: "gauge", "data-level": "unknown" },
      make("h3", { text: text.gauge }),
      make("div", { class: "gauge-bar", "aria-hidden": "true" }, this.mark),
      make("div", {}, this.sentence, this.figures),
    );
    this.summaries = { loss: make("p", { class: "visually-hidden" }), memory: make("p", { class: "visually-hidden" }) };
    this.empty = make("p", { class: "sdpo-empty" });
    this.plots = new Plots(this.root, text.budget);
    const { boxes, errorBox } = this.plots;
    const below = { margin: null, scale: null, ...this.summaries };
    this.charts = make(
      "div",
      { class: "charts" },
      this.figure("error", errorBox, null),
      ...CURVES.map((name) => this.figure(name, boxes[name], below[name])),
    );
    this.root.replaceChildren(this.empty, this.gauge, this.charts);
  }

  start() {
    this.onWindow("sdpo:status", ({ detail: { job } }) => {
      const running = Boolean(job?.running) && job?.id === this.props.value;
      const settled = this.root.dataset.settled === String(this.offset);
      if (!running && this.curves.loss.length > 0 && settled) return;
      const before = this.offset;
      this.refresh().then(() => {
        this.root.dataset.settled = !running && before === this.offset ? String(this.offset) : "";
      });
    });
    const sizes = new ResizeObserver(() => this.plots.fit());
    sizes.observe(this.root);
    const themes = new MutationObserver(() => {
      if (this.plots.there) this.rebuild();
    });
    themes.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    this.life.addEventListener("abort", () => {
      sizes.disconnect();
      themes.disconnect();
    });
    this.watch("value", () => this.selectRun());
    this.selectRun();
    this.refresh();
  }

  /**
   * @param {"error" | CurveName} name
   * @param {HTMLElement} box
   * @param {HTMLElement | null} below
   */
  figure(name, box, below) {
    const { text } = this;
    const words = [make("h3", { text: text[name] }), make("p", { text: text[`${name}Hint`] })];
    return make("figure", { class: "chart" }, make("figcaption", {}, ...words), box, below);
  }

  has() {
    return this.curves.loss.length + this.error.length > 0;
  }

  rebuild() {
    this.plots.build();
    this.fill();
  }

  fill() {
    const { text, curves, error, total, budget } = this;
    this.plots.fill({ curves, error, total, budget });
    const [loss, memory] = [curves.loss.at(-1), curves.memory.at(-1)];
    const lossNow = loss ? { step: loss[0], loss: loss[1].toPrecision(3) } : null;
    const memoryNow = memory ? { step: memory[0], gib: memory[1].toFixed(1) } : null;
    this.summaries.loss.textContent = lossNow ? fill(text.lossSummary, lossNow) : "";
    this.summaries.memory.textContent = memoryNow ? fill(text.memorySummary, memoryNow) : "";
  }

  /** @param {Health | null} health */
  drawGauge(health) {
    const newest = this.error.at(-1);
    if (!health || !newest) return;
    this.gauge.dataset.level = health.level;
    this.sentence.textContent = health.sentence;
    this.figures.textContent = health.figures;
    this.mark.hidden = false;
    this.mark.style.left = `${100 * Math.max(0, Math.min(1, newest[1] / (3 * this.budget)))}%`;
  }

  clear() {
    this.curves = noCurves();
    this.error = [];
    [this.offset, this.file, this.total, this.problem] = [0, "", 0, ""];
    this.gauge.dataset.level = "unknown";
    this.sentence.textContent = this.text.unknown;
    this.figures.textContent = "";
    this.mark.hidden = true;
  }

  /** @returns {Promise<void>} */
  async refresh() {
    const { text, root } = this;
    const run = this.props.value;
    const has = Boolean(run) && this.has();
    this.empty.hidden = has;
    this.empty.textContent = this.problem || (run ? text.waiting : text.empty);
    this.gauge.hidden = this.charts.hidden = !has;
    root.dataset.points = String(this.curves.loss.length);
    if (!run || this.busy || !this.visible()) return;
    this.busy = true;
    const reply = await this.ask("metrics", { run, offset: this.offset, file: this.file });
    this.busy = false;
    if (run !== this.props.value) return this.refresh();
    if (!reply) return;
    this.problem = reply.ok ? "" : reply.error;
    if (reply.ok) this.take(reply, has);
    else this.empty.textContent = this.problem;
  }

  /**
   * @param {Metrics} reply
   * @param {boolean} had   whether something was drawn before
   */
  take(reply, had) {
    const fresh = reply.loss.length + reply.winner_error.length > 0 || reply.total !== this.total;
    if (reply.restart) this.clear();
    this.offset = reply.offset;
    this.file = reply.file;
    this.total = reply.total;
    this.budget = reply.budget;
    for (const name of CURVES) this.curves[name].push(...reply[name]);
    this.error.push(...reply.winner_error);
    if (!had && this.has()) {
      this.empty.hidden = true;
      this.gauge.hidden = this.charts.hidden = false;
      this.rebuild();
    } else if (fresh && this.plots.there) this.fill();
    this.drawGauge(reply.health);
    this.root.dataset.points = String(this.curves.loss.length);
  }

  selectRun() {
    if (this.props.value === this.last) return;
    this.last = this.props.value;
    this.clear();
    this.refresh();
  }
}
