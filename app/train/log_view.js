// The last lines of a run's log, read only while somebody looks.

/** @import { Host } from "../ui/widget.js" */
/** @import { LogViewServer } from "./messages.js" */
/** @import { LogViewText } from "./strings.js" */

import { make } from "../ui/elements.js";
import { Widget } from "../ui/widget.js";

/** @param {Host<LogViewText, LogViewServer>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text, props } = widget;
  const lines = make("pre", { class: "log-lines", tabindex: 0, "aria-label": text.label });
  root.replaceChildren(lines);

  async function refresh() {
    if (!props.value || !widget.visible()) return;
    const reply = await widget.ask("log", { run: props.value });
    const now = reply?.ok ? reply.log || text.empty : "";
    if (!reply?.ok || now === lines.textContent) return;
    const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
    lines.textContent = now;
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  }

  widget.onWindow("sdpo:status", refresh);
  host.watch("value", refresh);
  refresh();
}
