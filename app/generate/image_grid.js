// The newest images; it grows while a job draws. A click shows one large.

/** @import { Host } from "../ui/widget.js" */
/** @import { ImageGridServer, NewestImage } from "./messages.js" */
/** @import { ImageGridText } from "./strings.js" */

import { button, make } from "../ui/elements.js";
import { imageAddress, picture } from "../ui/images.js";
import { Widget } from "../ui/widget.js";

/** @param {Host<ImageGridText, ImageGridServer>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text } = widget;
  let shown = "";
  let known = -1;
  const grid = make("div", { class: "grid-images", role: "list", "aria-label": text.label });
  const empty = make("p", { class: "sdpo-empty", text: text.empty });
  const large = make("img", { alt: "" });
  const caption = make("p");
  const dialog = make("dialog", { class: "grid-dialog" });
  dialog.addEventListener("click", () => dialog.close());
  dialog.append(
    button(text.close, () => dialog.close()),
    large,
    caption,
  );
  root.replaceChildren(grid, empty, dialog);

  /** @param {NewestImage} item */
  function tile(item) {
    const image = picture(imageAddress(item.sha256), item.prompt, text.gone, item.prompt);
    const opener = make("button", { type: "button", onclick: () => open(item), "aria-label": item.prompt }, image);
    return make("div", { role: "listitem", "data-sha256": item.sha256 }, opener);
  }

  /** @param {NewestImage} item */
  function open(item) {
    large.src = imageAddress(item.sha256);
    large.alt = item.prompt;
    caption.textContent = item.prompt;
    dialog.showModal();
  }

  async function refresh() {
    const reply = await widget.ask("newest");
    if (!reply?.ok) {
      known = -1; // with the next status it is tried again
      return;
    }
    const now = reply.images.map((item) => item.sha256).join();
    if (now !== shown) {
      const kept = new Map([...grid.children].map((node) => [node.getAttribute("data-sha256"), node]));
      grid.replaceChildren(...reply.images.map((item) => kept.get(item.sha256) ?? tile(item)));
      shown = now;
    }
    empty.hidden = reply.images.length > 0;
    root.dataset.count = String(reply.images.length);
  }

  widget.onWindow("sdpo:status", ({ detail }) => {
    if (detail.counts.candidates === known || !widget.visible()) return;
    known = detail.counts.candidates;
    refresh();
  });
  refresh();
}
