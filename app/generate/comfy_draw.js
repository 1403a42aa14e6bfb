// Drawing with a ComfyUI: its address, the workflow, and what was found in it. What is set is kept by the studio.

/** @import { Host, Reply } from "../ui/widget.js" */
/** @import { Kind } from "../ui/elements.js" */
/** @import { ComfyDrawServer, ComfyLine, ComfyState, ComfyWish } from "./messages.js" */
/** @import { ComfyDrawText } from "./strings.js" */

import { button, make, takeDrops } from "../ui/elements.js";
import { chosenFiles } from "../ui/files.js";
import { Widget } from "../ui/widget.js";

/**
 * @typedef {"prompt_slot" | "negative_slot" | "seed_slot" | "image_node"} Slot
 * @typedef {{most_bytes: number}} Given
 * @typedef {"what" | "where" | "value"} Column
 */

/** @type {Slot[]} */
const SLOTS = ["prompt_slot", "negative_slot", "seed_slot", "image_node"];
/** @type {Column[]} */
const COLUMNS = ["what", "where", "value"];

/** @param {Host<ComfyDrawText, ComfyDrawServer, Given>} host */
export function mount(host) {
  new ComfyDraw(host).begin();
}

/** @extends {Widget<ComfyDrawText, ComfyDrawServer, Given>} */
class ComfyDraw extends Widget {
  /** @type {Promise<void>} */
  last = Promise.resolve(); // what is asked goes out one after the other, so that no older answer comes last

  /** @param {Host<ComfyDrawText, ComfyDrawServer, Given>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    const onchange = () => this.tell("choose");
    const written = { type: "text", maxlength: 500, spellcheck: "false", autocapitalize: "off", onchange };
    this.badge = make("span", { class: "chip good", hidden: true, text: text.on });
    this.use = make("input", { type: "checkbox", id: "comfy-use", onchange });
    this.url = make("input", { id: "comfy-url", ...written });
    this.name = make("strong", { text: text.none });
    this.rows = make("tbody");
    this.table = this.foundTable();
    this.said = make("div", { role: "status", class: "comfy-said" });
    this.fields = {
      prompt_slot: make("input", { id: "comfy-prompt_slot", ...written }),
      negative_slot: make("input", { id: "comfy-negative_slot", ...written }),
      seed_slot: make("input", { id: "comfy-seed_slot", ...written }),
      image_node: make("input", { id: "comfy-image_node", ...written }),
    };
    const fields = SLOTS.map((slot) => label(text[slot], this.fields[slot]));
    this.point = make("details", { class: "home-archived" }, make("summary", { text: text.point }));
    this.point.append(
      make("p", { class: "comfy-hint", text: text.pointHint }),
      make("div", { class: "comfy-slots" }, ...fields),
    );
    this.look = button(text.look, () => this.tell("look"));
    const inside = make(
      "div",
      { class: "comfy-inside" },
      make("p", { class: "comfy-hint", text: text.hint }),
      make("label", { class: "comfy-use", for: this.use.id }, this.use, make("span", { text: text.use })),
      label(text.url, this.url),
      make("p", { class: "comfy-name" }, make("span", { text: `${text.workflow}: ` }), this.name),
      this.dropZone(),
      this.table,
      this.said,
      this.point,
      make("div", { class: "home-buttons" }, this.look),
    );
    const summary = make("summary", {}, make("span", { text: text.title }), this.badge);
    this.panel = make("details", { class: "comfy-panel" }, summary, inside);
    this.root.replaceChildren(this.panel);
  }

  async begin() {
    const reply = await this.ask("state");
    if (!reply?.ok) return;
    this.draw(reply, true);
    this.panel.open = reply.on;
  }

  foundTable() {
    const { text } = this;
    const columns = COLUMNS.map((one) => make("th", { scope: "col", text: text[one] }));
    return make(
      "table",
      { class: "comfy-found", hidden: true },
      make("caption", { class: "visually-hidden", text: text.found }),
      make("thead", {}, make("tr", {}, ...columns)),
      this.rows,
    );
  }

  dropZone() {
    const { text } = this;
    const files = make("input", {
      type: "file",
      accept: ".json,.png,.webp",
      class: "visually-hidden",
      tabindex: -1,
      "aria-label": text.choose,
      onchange: () => {
        this.take(chosenFiles(files)[0]?.file);
      },
    });
    const pasted = make("textarea", {
      rows: 2,
      class: "comfy-paste",
      "aria-label": text.paste,
      placeholder: text.paste,
      spellcheck: "false",
      oninput: () => {
        const written = pasted.value.trim();
        if (!written.startsWith("{") || !written.endsWith("}")) return; // half of it is typed, or it is something else
        pasted.value = "";
        this.take(new File([written], text.pasted));
      },
    });
    const choose = button(text.choose, () => files.click());
    const content = [make("span", { text: text.drop }), choose, files, pasted];
    const zone = make("div", { class: "import-zone comfy-zone" }, ...content);
    takeDrops(zone, (dropped) => this.take(dropped.files[0]));
    return zone;
  }

  /**
   * Send a workflow's file; what is in it is for the studio to judge.
   * @param {File | undefined} file
   */
  async take(file) {
    if (!file) return;
    if (file.size > this.given.most_bytes) return this.say([this.text.tooLarge], "bad");
    const content = await contentOf(file);
    const name = file.name.slice(0, 200);
    this.last = this.last.then(async () => this.shown(await this.ask("take", { name, content }), true));
  }

  /** @returns {ComfyWish} */
  wish() {
    const { prompt_slot, negative_slot, seed_slot, image_node } = this.fields;
    return {
      on: this.use.checked,
      url: this.url.value.trim(),
      prompt_slot: prompt_slot.value.trim(),
      negative_slot: negative_slot.value.trim(),
      seed_slot: seed_slot.value.trim(),
      image_node: image_node.value.trim(),
    };
  }

  /** @param {"choose" | "look"} action */
  tell(action) {
    this.last = this.last.then(async () => {
      this.look.disabled = action === "look"; // not for a field that was just left: that may be the click on this button
      if (action === "look") this.say([this.text.working], "plain");
      this.shown(await this.ask(action, this.wish()));
      this.look.disabled = false;
    });
  }

  /**
   * @param {string[]} sentences
   * @param {Kind} kind
   */
  say(sentences, kind) {
    this.said.replaceChildren(
      ...sentences.filter(Boolean).map((one) => make("p", { class: "home-said", "data-kind": kind, text: one })),
    );
  }

  /** @param {Reply<ComfyState> | undefined} reply */
  shown(reply, filled = false) {
    if (reply?.ok) this.draw(reply, filled);
    else this.say([reply?.error ?? this.text.lost], "bad");
  }

  /**
   * Show what the studio says; `filled`: also in the fields, where the person may be writing.
   * @param {ComfyState} reply
   * @param {boolean} filled
   */
  draw(reply, filled) {
    if (filled) {
      this.use.checked = reply.on;
      this.url.value = reply.url;
      for (const slot of SLOTS) this.fields[slot].value = reply[slot];
    }
    const { workflow, found, notes, problems } = reply;
    this.badge.hidden = !reply.on;
    this.name.textContent = workflow ? reply.name : this.text.none;
    this.rows.replaceChildren(...found.map(row));
    this.table.hidden = found.length === 0;
    this.say(problems, "bad");
    this.said.append(...notes.map((one) => make("p", { class: "home-said", text: one })));
    if (problems.length && found.length) this.point.open = true;
    this.root.dataset.on = String(reply.on);
    this.root.dataset.workflow = workflow;
  }
}

/**
 * @param {string} words
 * @param {HTMLInputElement} field
 */
function label(words, field) {
  return make("label", { class: "comfy-field", for: field.id }, make("span", { text: words }), field);
}

/** @param {ComfyLine} line */
function row({ what, where, value }) {
  const cells = [make("td", { class: "comfy-where", text: where }), make("td", { text: value })];
  return make("tr", {}, make("th", { scope: "row", text: what }), ...cells);
}

/**
 * A file in base64; empty when it can't be read.
 * @param {File} file
 * @returns {Promise<string>}
 */
async function contentOf(file) {
  const address = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => resolve("");
    reader.readAsDataURL(file);
  });
  return address.slice(address.indexOf(",") + 1);
}
