// Folders of other tools: where an adapter can be put, and is.

/** @import { Act } from "./adapter_list.js" */
/** @import { ShownAdapter, Tool } from "./messages.js" */
/** @import { AdapterListText } from "./strings.js" */

import { button, fill, heading, make } from "../ui/elements.js";
import { chip, problemLine } from "./adapter_card.js";

export class Folders {
  choosing = ""; // tool whose folder is being chosen
  /** @type {Map<string, string>} */
  typed = new Map(); // what was written into a folder's field and not taken yet

  /**
   * @param {AdapterListText} text
   * @param {Act} act
   * @param {() => void} changed   another form is open
   */
  constructor(text, act, changed) {
    this.text = text;
    this.act = act;
    this.changed = changed;
    this.tools = make("ul", { class: "home-projects", id: "lora-folders" });
    const id = "lora-folders-title";
    const head = make("div", { class: "home-head" }, heading(text.folders, text.foldersHint, { id }));
    const about = { class: "home-section", "aria-labelledby": id, hidden: true };
    this.node = make("section", about, head, this.tools);
  }

  /**
   * @param {Tool[]} tools
   * @param {boolean} noCards
   */
  draw(tools, noCards) {
    this.node.hidden = noCards && tools.every((one) => !one.folder);
    this.tools.replaceChildren(...tools.map((one) => (this.choosing === one.id ? this.form(one) : this.row(one))));
  }

  /**
   * Chips of the tools that have an adapter, and buttons for those that could.
   * @param {ShownAdapter} card
   */
  places(card) {
    const { text } = this;
    return card.places.flatMap(({ tool, label, there }) => {
      if (there) return [chip(there, "good")];
      if (!card.proven) return [];
      /** @param {"copy" | "link"} how */
      const put = (how) => (/** @type {HTMLButtonElement} */ pressed) =>
        this.act({ action: "place", id: card.id, tool, how }, pressed);
      return [
        button(fill(text.copyTo, { tool: label }), put("copy")),
        button(fill(text.linkTo, { tool: label }), put("link"), { title: text.linkHint }),
      ];
    });
  }

  /** @param {Tool} one */
  row({ id, label, folder }) {
    const { text } = this;
    const name = fill(text.folderLabel, { tool: label });
    const choose = button(folder ? text.change : text.choose, () => this.open(id));
    choose.setAttribute("aria-label", `${choose.textContent} ${name}`);
    const forget = button(text.forget, (pressed) => this.act({ action: "forget", tool: id }, pressed), {
      "aria-label": `${text.forget}: ${name}`,
    });
    const words = [
      make("strong", { text: label }),
      make("span", { class: "home-facts", text: folder || text.noFolder }),
    ];
    return make(
      "li",
      { class: "home-project", "data-tool": id },
      make("div", { class: "home-project-text" }, ...words),
      make("div", { class: "home-buttons" }, choose, folder ? forget : null),
    );
  }

  /** @param {Tool} one */
  form({ id, label, folder, suggestions }) {
    const { text } = this;
    const suggested = `folders-${id}`;
    const problem = problemLine(`folder-problem-${id}`);
    const input = make("input", {
      type: "text",
      "aria-label": fill(text.folderLabel, { tool: label }),
      "aria-describedby": problem.id,
      placeholder: text.folderPlaceholder,
      list: suggested,
      maxlength: 4000,
      oninput: () => {
        this.typed.set(id, input.value);
      },
    });
    input.value = this.typed.get(id) ?? (folder || suggestions[0] || "");
    requestAnimationFrame(() => {
      input.focus();
      input.select();
    });
    const close = () => {
      this.typed.delete(id);
      this.open("");
    };
    /** @param {SubmitEvent} event */
    const onsubmit = async (event) => {
      event.preventDefault();
      const reply = await this.act({ action: "folder", tool: id, folder: input.value }, event.submitter, problem);
      input.setAttribute("aria-invalid", String(!reply));
      if (reply) close();
      else input.focus();
    };
    const form = make("form", { class: "home-form", onsubmit }, input);
    form.append(
      make("datalist", { id: suggested }, ...suggestions.map((value) => make("option", { value }))),
      make("button", { type: "submit", class: "sdpo-button", text: text.save }),
      button(text.cancel, close),
      problem,
    );
    return make("li", { class: "home-project", "data-tool": id }, form);
  }

  /** @param {string} id */
  open(id) {
    this.choosing = id;
    this.changed();
  }
}
