// Previews of a training run: the base model above, a chosen step below, same prompts and seeds.

let steps = [], chosen = null, key = "";

const slider = make("input", { type: "range", min: 0, step: 1, "aria-label": text.slider, oninput: () => {
  chosen = Number(slider.value) === steps.length - 1 ? null : Number(slider.value);
  draw();
} });
const label = make("output");
const baseRow = make("div", { class: "preview-row" });
const stepRow = make("div", { class: "preview-row" });
const stepTitle = make("h4");
root.replaceChildren(
  make("div", { class: "preview-head" }, make("h3", { text: text.label }), make("p", { text: text.hint }),
    make("label", {}, slider, label)),
  make("h4", { text: text.base }), baseRow, stepTitle, stepRow);

function row(entry, title) {
  return entry.images.map((address, i) => {
    const image = make("img", { src: address, alt: `${title} ${i + 1}`, loading: "lazy" });
    image.addEventListener("error", () => image.replaceWith(make("span", { class: "grid-gone", text: text.gone })));
    return image;
  });
}

function draw() {
  const trained = steps.filter((entry) => entry.step > 0);
  const base = steps.find((entry) => entry.step === 0);
  root.hidden = !base || trained.length === 0;
  root.dataset.steps = trained.length;
  if (root.hidden) return;
  steps = [base, ...trained];
  slider.min = 1;
  slider.max = steps.length - 1;
  slider.hidden = trained.length < 2;
  const at = Math.min(chosen ?? steps.length - 1, steps.length - 1);
  slider.value = at;
  const title = fill(text.step, { step: steps[at].step });
  label.textContent = title;
  stepTitle.textContent = title;
  if (baseRow.dataset.of !== base.images.join()) baseRow.replaceChildren(...row(base, text.base));
  baseRow.dataset.of = base.images.join();
  stepRow.replaceChildren(...row(steps[at], title));
}

async function refresh() {
  const run = props.value;
  if (!run) { steps = []; return draw(); }
  const reply = await ask("previews", { run });
  if (!reply?.ok || run !== props.value) return;
  const now = run + JSON.stringify(reply.steps);
  if (now === key) return;
  key = now;
  steps = reply.steps;
  draw();
}

listen(window, "sdpo:status", (event) => {
  if (visible() || root.hidden) if (event.detail.job?.id === props.value) refresh();
});
watch("value", () => { chosen = null; refresh(); });
draw();
refresh();
