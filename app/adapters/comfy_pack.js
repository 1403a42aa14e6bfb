// Nodes for ComfyUI: every ComfyUI of this machine with one button, and a field for one that was not found.

/** @import { Host } from "../ui/widget.js" */
/** @import { ComfyPackServer, FoundComfy, PackMessage } from "./messages.js" */
/** @import { ComfyPackText } from "./strings.js" */

import { button, make, makeSaid, section } from "../ui/elements.js";
import { Widget } from "../ui/widget.js";

/** @param {Host<ComfyPackText, ComfyPackServer>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text } = widget;
  const list = make("ul", { class: "home-projects" });
  const said = makeSaid();
  const folder = make("input", {
    type: "text",
    id: "comfy-folder",
    maxlength: 4000,
    "aria-label": text.another,
    placeholder: text.placeholder,
  });
  /** @param {SubmitEvent} event */
  const onsubmit = (event) => {
    event.preventDefault();
    act({ action: "install", folder: folder.value });
  };
  const install = make("button", { type: "submit", class: "sdpo-button quiet", text: text.install });
  const form = make("form", { class: "home-form", onsubmit }, folder, install);
  root.replaceChildren(section(text.title, text.about, list, form, said.node));

  /** @param {FoundComfy} item */
  function row(item) {
    const label = item.installed ? text.remove : text.install;
    return make(
      "li",
      { class: "home-project", "data-installed": String(item.installed) },
      make(
        "div",
        { class: "home-project-text" },
        make("strong", { text: item.folder }),
        item.installed ? make("span", { class: "chip good", text: text.installed }) : null,
        item.problem ? make("span", { class: "home-facts", text: item.problem }) : null,
      ),
      button(label, () => act({ action: item.installed ? "remove" : "install", id: item.id }), {
        "aria-label": `${label}: ${item.folder}`,
      }),
    );
  }

  /** @param {FoundComfy[]} found */
  function draw(found) {
    const none = make("li", { class: "home-project" }, make("span", { class: "home-facts", text: text.none }));
    list.replaceChildren(...(found.length ? found.map(row) : [none]));
    root.dataset.found = String(found.length);
  }

  /** @param {PackMessage} message */
  async function act(message) {
    said.say(text.working);
    const reply = await widget.ask("act", message);
    said.say(reply?.error ?? reply?.sentence ?? text.lost, reply?.ok ? "good" : "bad");
    if (!reply?.ok) return;
    draw(reply.found);
    folder.value = "";
  }

  async function look() {
    const reply = await widget.ask("look");
    if (reply?.ok) draw(reply.found);
  }

  look();
}
