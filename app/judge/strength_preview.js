// Next to a slider: the image of a grid that is nearest to the slider's strength, and the base model's; or a button that
// draws such a grid.

/** @import { Host } from "../ui/widget.js" */
/** @import { NearImage, NoImage, StrengthPreviewServer } from "./messages.js" */
/** @import { StrengthPreviewText } from "./strings.js" */

import { button, fill, make } from "../ui/elements.js";
import { picture } from "../ui/images.js";
import { at } from "../ui/page.js";
import { Widget } from "../ui/widget.js";

/** @param {Host<StrengthPreviewText, StrengthPreviewServer>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text, props } = widget;

  /**
   * @param {string} address
   * @param {string} label
   * @param {string} prompt
   */
  function image(address, label, prompt) {
    const drawn = picture(at(address), `${label}: ${prompt}`, text.gone);
    return make("figure", {}, drawn, make("figcaption", { text: label }));
  }

  /** @param {NoImage} about */
  function offer({ adapter, waits }) {
    const note = make("p", { role: "status", text: waits ? text.waits : text.none });
    /** @param {HTMLButtonElement} pressed */
    const draw = async (pressed) => {
      pressed.disabled = true;
      const answer = await widget.ask("draw", { adapter });
      note.textContent = answer?.sentence ?? answer?.error ?? text.lost;
      pressed.disabled = Boolean(answer?.ok);
    };
    return [note, button(text.draw, draw, { disabled: waits })];
  }

  function show() {
    /** @type {NoImage | NearImage | null} */
    const shown = props.value ? JSON.parse(props.value) : null;
    if (!shown) return root.replaceChildren();
    if (!shown.cell) return root.replaceChildren(...offer(shown));
    const { prompt, cell, base } = shown;
    root.replaceChildren(
      make(
        "div",
        { class: "preview-pair" },
        base ? image(base.address, text.base, prompt) : null,
        image(cell.address, fill(text.at, cell), prompt),
      ),
      make("p", { text: fill(text.from, { prompt }) }),
    );
  }

  host.watch("value", show);
  show();
}
