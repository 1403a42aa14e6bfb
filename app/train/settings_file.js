// A file of settings, chosen or dropped. It is read here and handed on as text; the file itself goes nowhere.

/** @import { Host } from "../ui/widget.js" */
/** @import { SettingsFileText } from "./strings.js" */

import { button, fill, make, takeDrops } from "../ui/elements.js";
import { Widget } from "../ui/widget.js";

/** @typedef {{most_bytes: number}} Given */

/** @param {Host<SettingsFileText, object, Given>} host */
export function mount(host) {
  const { root, text, given, props, trigger } = new Widget(host);
  const input = make("input", {
    type: "file",
    accept: ".toml,.txt",
    class: "visually-hidden",
    tabindex: -1,
    "aria-label": text.choose,
    onchange: () => {
      take(input.files?.[0]);
    },
  });
  const said = make("p", { class: "form-problem", role: "alert", hidden: true });
  const zone = make(
    "div",
    { class: "import-zone low" },
    button(text.choose, () => input.click()),
  );
  zone.append(make("span", { text: text.drop }), input);
  root.replaceChildren(zone, said);
  takeDrops(zone, (dropped) => take(dropped.files[0]));

  /** @param {File} file */
  async function read(file) {
    if (file.size > given.most_bytes) return fill(text.tooLarge, { name: file.name });
    try {
      props.value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      return "";
    } catch {
      return fill(text.noText, { name: file.name });
    }
  }

  /** @param {File | undefined} file */
  async function take(file) {
    input.value = ""; // the same file may be chosen again
    if (!file) return;
    const problem = await read(file);
    said.hidden = !problem;
    said.textContent = problem;
    if (!problem) trigger("chosen");
  }
}
