// Runs that wait for their turn: which comes next, and what is taken out.

/** @import { Host, Reply } from "../ui/widget.js" */
/** @import { Queue, QueuedRun, QueueMessage, RunQueueServer } from "./messages.js" */
/** @import { RunQueueText } from "./strings.js" */

import { button, make, makeSaid } from "../ui/elements.js";
import { Widget } from "../ui/widget.js";

/** @typedef {QueueMessage["action"]} Action */

/** @param {Host<RunQueueText, RunQueueServer>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text } = widget;
  let shown = "";
  const sentence = make("p", { class: "queue-sentence" });
  const list = make("ol", { class: "queue-list", "aria-label": text.label });
  const said = makeSaid("alert");
  root.replaceChildren(sentence, list, said.node);
  root.hidden = true;

  /**
   * @param {string} label
   * @param {Action} action
   * @param {QueuedRun} item
   * @param {boolean} disabled
   */
  function press(label, action, item, disabled) {
    const name = text[action];
    return button(label, () => act(action, item), { disabled, "aria-label": `${name}: ${item.title}`, title: name });
  }

  /**
   * @param {QueuedRun} item
   * @param {number} place
   * @param {QueuedRun[]} all
   */
  function row(item, place, all) {
    const buttons = [
      press("↑", "up", item, place === 0),
      press("↓", "down", item, place === all.length - 1),
      press(text.remove, "remove", item, false),
    ];
    return make(
      "li",
      { "data-id": item.id },
      make("span", { text: item.title }),
      make("div", { class: "home-buttons" }, ...buttons),
    );
  }

  /**
   * @param {Action} action
   * @param {QueuedRun} item
   */
  async function act(action, item) {
    draw(await widget.ask("act", { action, id: item.id }));
  }

  /** @param {Reply<Queue> | undefined} reply */
  function draw(reply) {
    if (!reply?.ok) return said.say(reply?.error ?? text.lost, "bad");
    said.say("");
    const now = JSON.stringify(reply.waiting);
    if (now === shown) return; // nobody loses the button under a finger
    shown = now;
    root.hidden = reply.waiting.length === 0;
    root.dataset.count = String(reply.waiting.length);
    sentence.textContent = reply.sentence;
    list.replaceChildren(...reply.waiting.map(row));
  }

  async function refresh() {
    const reply = await widget.ask("queue");
    if (reply?.ok) draw(reply);
  }

  widget.onWindow("sdpo:status", () => {
    const page = widget.element.closest("[role=tabpanel]"); // the widget itself is hidden while empty
    if (page?.getClientRects().length) refresh();
  });
  host.watch("value", refresh);
  refresh();
}
