// Curves of a training run and the gauge "Still healthy?". Points come incrementally while the run goes on.

const POINTS = 400;
const CURVES = ["loss", "margin", "scale", "memory"]; // one number a step, drawn with its trend
let curves = Object.fromEntries(CURVES.map((name) => [name, []]));
let error = [], offset = 0, file = "", total = 0, budget = 0.02, busy = false, last = "";
let problem = ""; // why the run's numbers can't be shown

const gaugeSentence = make("p", { class: "gauge-sentence", "aria-live": "polite", text: text.unknown });
const gaugeMark = make("i", { hidden: true });
const gauge = make("section", { class: "gauge", "data-level": "unknown" },
  make("h3", { text: text.gauge }), make("div", { class: "gauge-bar", "aria-hidden": "true" }, gaugeMark), gaugeSentence);
const errorBox = make("div", { class: "chart-canvas" });
const boxes = Object.fromEntries(CURVES.map((name) => [name, make("div", { class: "chart-canvas" })]));
const summaries = { loss: make("p", { class: "visually-hidden" }), memory: make("p", { class: "visually-hidden" }) };
const empty = make("p", { class: "sdpo-empty" });

function figure(name, box, more = null) {
  const caption = make("figcaption", {}, make("h3", { text: text[name] }), make("p", { text: text[`${name}Hint`] }));
  return make("figure", { class: "chart" }, caption, box, more);
}

const charts = make("div", { class: "charts" }, figure("error", errorBox),
  ...CURVES.map((name) => figure(name, boxes[name], summaries[name])));
root.replaceChildren(empty, gauge, charts);

function color(name) {
  return getComputedStyle(root).getPropertyValue(name).trim();
}

/** At most POINTS points: the mean of every bucket. */
function thin(points) {
  const size = Math.ceil(points.length / POINTS);
  const buckets = [];
  for (let i = 0; i < points.length; i += size) {
    const part = points.slice(i, i + size);
    buckets.push([part.at(-1)[0], part.reduce((sum, point) => sum + point[1], 0) / part.length]);
  }
  return buckets;
}

/** Running mean, for the trend of a jumping curve. */
function trend(values) {
  const weight = Math.max(0.05, Math.min(0.3, 8 / values.length));
  let mean = values[0];
  return values.map((value) => (mean += weight * (value - mean)));
}

function signed(share) {
  const told = (Math.abs(share) * 100).toFixed(1);
  return `${Number(told) === 0 ? "" : share > 0 ? "+" : "−"}${told} %`; // there is no −0
}

function axes(format) {
  const common = { stroke: color("--body-text-color-subdued"), font: "12px Inter, sans-serif",
    grid: { stroke: color("--border-color-primary"), width: 1 }, ticks: { show: false } };
  return [{ ...common, space: 60, size: 28 }, { ...common, size: 62, space: 32, values: (_, ticks) => ticks.map(format) }];
}

/** The budget, and the band of the checks that were measured with one. */
function drawBand(u) {
  const { ctx, bbox } = u;
  const top = Math.max(bbox.top, u.valToPos(budget, "y", true));
  const bottom = Math.min(bbox.top + bbox.height, u.valToPos(0, "y", true));
  ctx.save();
  ctx.fillStyle = color("--sdpo-band");
  ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  ctx.strokeStyle = color("--sdpo-good");
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, top);
  ctx.lineTo(bbox.left + bbox.width, top);
  ctx.stroke();
  ctx.fillStyle = color("--body-text-color-subdued");
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  ctx.font = `${11 * devicePixelRatio}px Inter, sans-serif`;
  ctx.fillText(`${text.budget} ${signed(budget).slice(1)}`, bbox.left + 6, top - 3);
  const checks = error.filter((point) => point[2] !== null);
  const measured = checks.length ? [[0, 0, 0], ...checks] : []; // before the first step there is no difference
  const edge = (sign) => ([step, value, spread]) => [u.valToPos(step, "x", true), u.valToPos(value + sign * spread, "y", true)];
  const [upper, lower] = [measured.map(edge(1)), measured.map(edge(-1))];
  ctx.fillStyle = ctx.strokeStyle = color("--sdpo-faint");
  ctx.globalAlpha = 0.7;
  ctx.setLineDash([]);
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.beginPath();
  for (const [x, y] of [...upper, ...[...lower].reverse()]) ctx.lineTo(x, y);
  ctx.fill();
  ctx.beginPath();
  upper.forEach(([x, y], i) => { ctx.moveTo(x, y); ctx.lineTo(x, lower[i][1]); });
  ctx.stroke();
  ctx.restore();
}

function makeChart(box, series, format, range, hooks = {}) {
  return new uPlot({
    width: Math.max(200, box.clientWidth), height: 210, legend: { show: false }, cursor: { drag: { x: false, y: false } },
    padding: [12, 12, 0, 0],
    scales: { x: { time: false, range: () => [0, Math.max(total, 1)] }, y: { range } },
    axes: axes(format), series: [{}, ...series], hooks,
  }, series.map(() => []).concat([[]]), box);
}

let errorChart = null, drawn = {}; // by the curve's name

/** A little more than what the curve covers. */
function around(_, low, high) {
  return low === null ? [0, 1] : [low - 0.05 * (high - low || 1), high + 0.05 * (high - low || 1)];
}

/** The factor on the loser is a share. */
function share() {
  return [0, 1.05];
}

/** The budget is always seen, and every band as a whole. */
function errorRange() {
  const ends = error.flatMap(([, value, spread]) => [value - (spread ?? 0), value + (spread ?? 0)]);
  return [Math.min(-budget / 2, 1.1 * Math.min(0, ...ends)), Math.max(1.5 * budget, 1.1 * Math.max(0, ...ends))];
}

/** Memory is shown from nothing on: its jumps are small beside what it is. */
function fromNothing(_, low, high) {
  return [0, 1.15 * (high || 1)];
}

const RANGES = { scale: share, memory: fromNothing };

function rebuild() {
  errorChart?.destroy();
  for (const chart of Object.values(drawn)) chart.destroy();
  const accent = color("--color-accent");
  errorChart = makeChart(errorBox, [{ stroke: accent, width: 2, points: { show: true, size: 6, fill: accent } }], signed,
    errorRange, { drawClear: [drawBand] });
  drawn = Object.fromEntries(CURVES.map((name) => [name, makeChart(boxes[name], [
    { stroke: color("--sdpo-faint"), width: 1, points: { show: false } },
    { stroke: accent, width: 2.5, points: { show: false } },
  ], (value) => String(+value.toPrecision(3)), RANGES[name] ?? around)]));
  fillCharts();
}

function fillCharts() {
  for (const name of CURVES) {
    const points = thin(curves[name]);
    const values = points.map((point) => point[1]);
    drawn[name].setData([points.map((point) => point[0]), values, values.length ? trend(values) : []]);
  }
  errorChart.setData([error.map((point) => point[0]), error.map((point) => point[1])]);
  const [loss, memory] = [curves.loss.at(-1), curves.memory.at(-1)];
  summaries.loss.textContent = loss ? fill(text.lossSummary, { step: loss[0], loss: loss[1].toPrecision(3) }) : "";
  summaries.memory.textContent = memory ? fill(text.memorySummary, { step: memory[0], gib: memory[1].toFixed(1) }) : "";
}

function drawGauge(health) {
  if (!health) return;
  gauge.dataset.level = health.level;
  gaugeSentence.textContent = health.sentence;
  gaugeMark.hidden = false;
  gaugeMark.style.left = `${100 * Math.max(0, Math.min(1, error.at(-1)[1] / (3 * budget)))}%`;
}

function clear() {
  curves = Object.fromEntries(CURVES.map((name) => [name, []]));
  error = []; offset = 0; file = ""; total = 0; problem = "";
  gauge.dataset.level = "unknown";
  gaugeSentence.textContent = text.unknown;
  gaugeMark.hidden = true;
}

async function refresh() {
  const run = props.value;
  const has = Boolean(run) && curves.loss.length + error.length > 0;
  empty.hidden = has;
  empty.textContent = problem || (run ? text.waiting : text.empty);
  gauge.hidden = charts.hidden = !has;
  root.dataset.points = curves.loss.length;
  if (!run || busy || !visible()) return;
  busy = true;
  const reply = await ask("metrics", { run, offset, file });
  busy = false;
  if (run !== props.value) return refresh();
  if (!reply) return;
  problem = reply.error ?? "";
  if (problem) empty.textContent = problem;
  if (!reply.ok) return;
  const fresh = reply.loss.length + reply.error.length > 0 || reply.total !== total;
  if (reply.restart) clear();
  ({ offset, file, total, budget } = reply);
  for (const name of CURVES) curves[name].push(...reply[name]);
  error.push(...reply.error);
  if (!has && curves.loss.length + error.length > 0) {
    empty.hidden = true;
    gauge.hidden = charts.hidden = false;
    rebuild();
  } else if (fresh && errorChart) fillCharts();
  drawGauge(reply.health);
  root.dataset.points = curves.loss.length;
}

function selectRun() {
  if (props.value === last) return;
  last = props.value;
  clear();
  refresh();
}

listen(window, "sdpo:status", (event) => {
  const running = event.detail.job?.running && event.detail.job.id === props.value;
  if (running || curves.loss.length === 0 || root.dataset.settled !== String(offset)) {
    const before = offset;
    refresh().then(() => { root.dataset.settled = running ? "" : before === offset ? offset : ""; });
  }
});
new ResizeObserver(() => {
  for (const [chart, box] of [[errorChart, errorBox], ...CURVES.map((name) => [drawn[name], boxes[name]])]) {
    if (chart && box.clientWidth) chart.setSize({ width: box.clientWidth, height: 210 });
  }
}).observe(root);
new MutationObserver(() => { if (errorChart) rebuild(); }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
watch("value", selectRun);
selectRun();
refresh();
