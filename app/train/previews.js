// Previews of a training run: the base model above, a chosen step below, same prompts and seeds.

/** @import { Host } from "../ui/widget.js" */
/** @import { PreviewStep, PreviewsServer } from "./messages.js" */
/** @import { PreviewsText } from "./strings.js" */

import { fill, make } from "../ui/elements.js";
import { picture } from "../ui/images.js";
import { at } from "../ui/page.js";
import { Widget } from "../ui/widget.js";

/** @param {Host<PreviewsText, PreviewsServer>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text, props } = widget;
  /** @type {PreviewStep[]} */
  let steps = [];
  /** @type {number | null} */
  let chosen = null; // null: the newest
  let key = "";

  const slider = make("input", { type: "range", min: 0, step: 1, "aria-label": text.slider, oninput: slide });
  const label = make("output");
  const baseRow = make("div", { class: "preview-row" });
  const stepRow = make("div", { class: "preview-row" });
  const stepTitle = make("h4");
  const head = make("div", { class: "preview-head" }, make("h3", { text: text.label }), make("p", { text: text.hint }));
  head.append(make("label", {}, slider, label));
  root.replaceChildren(head, make("h4", { text: text.base }), baseRow, stepTitle, stepRow);

  function slide() {
    chosen = Number(slider.value) === steps.length - 1 ? null : Number(slider.value);
    draw();
  }

  /**
   * @param {PreviewStep} entry
   * @param {string} title
   */
  function row(entry, title) {
    return entry.images.map((address, i) => picture(at(address), `${title} ${i + 1}`, text.gone));
  }

  function draw() {
    const trained = steps.filter((entry) => entry.step > 0);
    const base = steps.find((entry) => entry.step === 0);
    root.hidden = !base || trained.length === 0;
    root.dataset.steps = String(trained.length);
    if (!base || root.hidden) return;
    steps = [base, ...trained];
    slider.min = "1";
    slider.max = String(steps.length - 1);
    slider.hidden = trained.length < 2;
    const place = Math.min(chosen ?? steps.length - 1, steps.length - 1);
    slider.value = String(place);
    const title = fill(text.step, { step: steps[place].step });
    label.textContent = title;
    stepTitle.textContent = title;
    if (baseRow.dataset.of !== base.images.join()) baseRow.replaceChildren(...row(base, text.base));
    baseRow.dataset.of = base.images.join();
    stepRow.replaceChildren(...row(steps[place], title));
  }

  async function refresh() {
    const run = props.value;
    if (!run) {
      steps = [];
      return draw();
    }
    const reply = await widget.ask("previews", { run });
    if (!reply?.ok || run !== props.value) return;
    const now = run + JSON.stringify(reply.steps);
    if (now === key) return;
    key = now;
    steps = reply.steps;
    draw();
  }

  widget.onWindow("sdpo:status", ({ detail }) => {
    if ((widget.visible() || root.hidden) && detail.job?.id === props.value) refresh();
  });
  host.watch("value", () => {
    chosen = null;
    refresh();
  });
  draw();
  refresh();
}
