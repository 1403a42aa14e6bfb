// The models on this machine: looked for when the list is opened, chosen by id. While a model is read, it says how far.

/** @import { Host, Reply } from "../ui/widget.js" */
/** @import { FinderState, FoundModel, ModelFinderServer, Nothing } from "./messages.js" */
/** @import { ModelFinderText } from "./strings.js" */

import { button, fill, make, makeSaid } from "../ui/elements.js";
import { Widget } from "../ui/widget.js";

/** @param {Host<ModelFinderText, ModelFinderServer>} host */
export function mount(host) {
  new ModelFinder(host).start();
}

/** @extends {Widget<ModelFinderText, ModelFinderServer>} */
class ModelFinder extends Widget {
  version = -1;
  open = false;
  looked = false;
  reading = "";
  chosen = "";
  /** @type {FoundModel[]} */
  models = [];

  /** @param {Host<ModelFinderText, ModelFinderServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.said = makeSaid();
    this.readingText = make("span", { role: "status" });
    this.readingLine = make("div", { class: "finder-progress", hidden: true }, this.readingText);
    this.readingLine.append(button(text.halt, async () => this.heard(await this.ask("stop_reading"))));
    this.lookingText = make("span");
    this.looking = make("div", { class: "finder-progress", hidden: true }, this.lookingText);
    this.looking.append(button(text.halt, async () => this.heard(await this.ask("halt"))));
    this.filter = make("input", {
      type: "search",
      class: "finder-filter",
      "aria-label": text.filter,
      placeholder: text.filter,
      oninput: () => this.drawModels(),
      hidden: true,
    });
    this.list = make("ul", { class: "finder-list", "aria-label": text.found });
    this.empty = make("p", { class: "home-facts", text: text.none, hidden: true });
    this.unusableName = make("summary");
    this.unusableList = make("ul", { class: "finder-unusable" });
    this.unusable = make("details", { class: "home-archived", hidden: true }, this.unusableName, this.unusableList);
    this.folders = make("ul", { class: "finder-folders" });
    this.openerText = make("span", { text: text.open });
    this.opener = make(
      "button",
      {
        type: "button",
        class: "sdpo-button quiet finder-open",
        "aria-expanded": "false",
        onclick: () => this.toggle(),
      },
      this.openerText,
    );
    this.inside = make("div", { class: "finder-inside", hidden: true }, this.said.node, this.looking, this.filter);
    this.inside.append(this.list, this.empty, this.unusable, make("h3", { text: text.folders }), this.folders);
    const again = button(text.again, () => this.find());
    this.inside.append(this.folderForm(), make("div", { class: "home-buttons" }, again));
    this.root.replaceChildren(this.readingLine, this.opener, this.inside);
  }

  start() {
    this.onWindow("sdpo:status", () => {
      if (this.visible() && (this.open || this.reading)) this.refresh();
    });
    this.watch("value", () => this.refresh()); // Python started to read a model
    this.ask("finder", { version: -2 }).then((reply) => {
      if (reply?.reading) this.refresh();
    });
  }

  folderForm() {
    const { text } = this;
    const path = make("input", {
      type: "text",
      maxlength: 4000,
      "aria-label": text.newFolder,
      placeholder: text.newFolder,
    });
    /** @param {SubmitEvent} event */
    const onsubmit = async (event) => {
      event.preventDefault();
      if (!path.value.trim()) return;
      if (await this.heard(await this.ask("add_folder", { path: path.value }))) path.value = "";
    };
    const add = make("button", { type: "submit", class: "sdpo-button quiet", text: text.add });
    return make("form", { class: "home-form", onsubmit }, path, add);
  }

  async toggle() {
    this.open = !this.open;
    this.inside.hidden = !this.open;
    this.opener.setAttribute("aria-expanded", String(this.open));
    this.openerText.textContent = this.open ? this.text.close : this.text.open;
    if (this.open) await this.refresh();
    if (this.open && !this.looked && this.looking.hidden) await this.find();
  }

  async find() {
    await this.heard(await this.ask("find"));
  }

  /**
   * Say why something was refused, and show what is so now.
   * @param {Reply<Nothing> | undefined} reply
   */
  async heard(reply) {
    this.said.say(reply?.ok ? "" : (reply?.error ?? this.text.lost), "bad");
    await this.refresh();
    return Boolean(reply?.ok);
  }

  /** @param {FoundModel} item */
  row(item) {
    const facts = [...item.facts, item.hash || this.text.unread];
    return make(
      "li",
      {},
      make(
        "button",
        {
          type: "button",
          class: "finder-model",
          "data-id": item.id,
          title: item.place,
          "aria-pressed": String(item.id === this.chosen),
          onclick: () => this.pick(item),
        },
        make("strong", { text: item.name }),
        make("span", { class: "card-chips" }, ...facts.map((fact) => make("span", { class: "chip", text: fact }))),
        make("span", { class: "home-facts", text: item.tool }),
      ),
    );
  }

  /** @param {FoundModel} item */
  pick(item) {
    this.props.value = item.id;
    this.trigger("picked");
  }

  drawModels() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = this.models.filter((item) => {
      const about = `${item.name} ${item.facts.join(" ")} ${item.tool}`.toLowerCase();
      return words.every((word) => about.includes(word));
    });
    this.list.replaceChildren(...shown.map((item) => this.row(item)));
    this.filter.hidden = this.models.length < 8;
    this.root.dataset.count = String(this.models.length);
  }

  /** @param {FinderState} reply */
  drawLists({ models = [], unusable = [], unseen = [], folders = [] }) {
    const { text } = this;
    this.models = models;
    const count = unusable.length + unseen.length;
    this.unusable.hidden = count === 0;
    this.unusableName.textContent = fill(text.unusable, { count });
    this.unusableList.replaceChildren(
      ...unseen.map((why) => make("li", { text: why })),
      ...unusable.map((item) => make("li", {}, make("strong", { text: item.name }), make("span", { text: item.why }))),
    );
    this.folders.replaceChildren(
      ...folders.map(({ id, path }) => {
        const forget = button(text.forget, async () => this.heard(await this.ask("forget_folder", { id })), {
          "aria-label": `${text.forget}: ${path}`,
        });
        return make("li", {}, make("span", { text: path }), forget);
      }),
    );
  }

  async refresh() {
    const reply = await this.ask("finder", { version: this.version });
    if (!reply?.ok) return; // asked again with the next status
    this.looked = reply.looked;
    this.looking.hidden = !reply.looking;
    this.lookingText.textContent = reply.looking;
    this.root.dataset.looking = reply.looking ? "yes" : "no";
    const before = this.reading;
    this.reading = reply.reading;
    this.readingLine.hidden = !this.reading;
    this.readingText.textContent = this.reading;
    if (before && !this.reading) this.trigger("read");
    if (reply.models) {
      this.version = reply.version;
      this.drawLists(reply);
    }
    if (reply.models || reply.chosen !== this.chosen) {
      this.chosen = reply.chosen;
      this.drawModels();
    }
    this.empty.hidden = this.models.length > 0 || Boolean(reply.looking) || !this.looked;
  }
}
