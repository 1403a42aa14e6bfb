// A sentence, shown as text.

/** @import { Kind } from "./elements.js" */
/** @import { Host } from "./widget.js" */

import { make } from "./elements.js";
import { Widget } from "./widget.js";

/** @typedef {{sentence: string, kind?: Kind, details?: string}} Note */

/** @param {Host<object, object>} host */
export function mount(host) {
  const { root, props, watch } = new Widget(host);

  function draw() {
    /** @type {Note} */
    const note = props.value ? JSON.parse(props.value) : { sentence: "" };
    root.hidden = !note.sentence;
    root.dataset.kind = note.kind ?? "plain";
    root.setAttribute("role", note.kind === "bad" ? "alert" : "status");
    const details = note.details ? [make("pre", { class: "log-lines", tabindex: 0, text: note.details })] : [];
    root.replaceChildren(make("p", { text: note.sentence }), ...details);
  }

  watch("value", draw);
  draw();
}
