// The projects on Home: which is open, and what can be done with each.

/** @import { Reply } from "../ui/widget.js" */
/** @import { ProjectDone, ProjectMessage, ShownProject } from "./messages.js" */
/** @import { HomeText } from "./strings.js" */

import { button, fill, make } from "../ui/elements.js";
import { at } from "../ui/page.js";

/**
 * What the list needs of the page around it. `heard` shows the result of an action and the current state.
 * @typedef {object} Around
 * @property {HomeText} text
 * @property {(wish: ProjectMessage) => Promise<Reply<ProjectDone> | undefined>} act
 * @property {(sentence: string) => void} say
 * @property {(reply: Reply<ProjectDone> | undefined) => Promise<void>} heard
 * @property {() => Promise<void>} refresh
 */

export class Projects {
  shown = "";
  editing = ""; // id of the project that is being renamed
  archivedOpen = false;
  count = 0;

  /** @param {Around} around */
  constructor(around) {
    this.around = around;
    this.text = around.text;
    const { text } = this;
    this.list = make("ul", { class: "home-projects" });
    this.archivedList = make("ul", { class: "home-projects" });
    this.archivedName = make("summary");
    const ontoggle = () => {
      this.archivedOpen = this.archived.open;
    };
    this.archived = make("details", { class: "home-archived", hidden: true, ontoggle }, this.archivedName);
    this.archived.append(this.archivedList);
    this.newName = make("input", {
      type: "text",
      id: "project-new-name",
      maxlength: 80,
      "aria-label": text.newName,
      placeholder: text.newName,
    });
    this.newForm = make(
      "form",
      { class: "home-form", hidden: true, onsubmit: (event) => this.make(event) },
      this.newName,
      make("button", { type: "submit", class: "sdpo-button", text: text.make }),
      button(text.cancel, () => this.showNew(false)),
    );
    this.newButton = button(text.new, () => this.showNew(true), { id: "project-new" });
    this.file = make("input", {
      type: "file",
      accept: ".zip,application/zip",
      id: "project-file",
      class: "visually-hidden",
      tabindex: -1,
      "aria-label": text.import,
      onchange: () => this.upload(),
    });
    this.importButton = button(text.import, () => this.file.click(), { id: "project-import", title: text.importHint });
    this.buttons = make("div", { class: "home-buttons" }, this.newButton, this.importButton, this.file);
  }

  /**
   * Show the projects; returns how many there are.
   * @param {ShownProject[]} projects
   */
  draw(projects) {
    const now = JSON.stringify([projects, this.editing]);
    if (this.editing && this.shown) return this.count; // nobody loses what is being written
    if (now === this.shown) return this.count; // nor the button under a finger
    this.shown = now;
    this.count = projects.length;
    const archived = projects.filter((item) => item.archived);
    this.list.replaceChildren(...projects.filter((item) => !item.archived).map((item) => this.row(item)));
    this.archived.hidden = archived.length === 0;
    this.archived.open = this.archivedOpen;
    this.archivedName.textContent = fill(this.text.archived, { count: archived.length });
    this.archivedList.replaceChildren(...archived.map((item) => this.row(item)));
    return this.count;
  }

  /** @param {ShownProject} item */
  row(item) {
    const { text } = this;
    const about = { "data-project": item.id, "data-open": String(item.open) };
    const row = make("li", { class: "home-project", ...about });
    if (this.editing === item.id) {
      row.append(this.nameForm(item));
      return row;
    }
    const buttons = this.buttonsOf(item);
    for (const one of buttons) one.setAttribute("aria-label", `${one.textContent}: ${item.name}`);
    const words = make(
      "div",
      { class: "home-project-text" },
      make("strong", { text: item.name }),
      item.open ? make("span", { class: "chip good", text: text.isOpen }) : null,
      make("span", { class: "home-facts", text: item.facts }),
    );
    row.append(words, make("div", { class: "home-buttons" }, ...buttons));
    return row;
  }

  /** @param {ShownProject} item */
  buttonsOf(item) {
    const { text } = this;
    const { id, open, archived } = item;
    const buttons = [
      button(text.rename, () => this.edit(id)),
      button(text.export, (pressed) => this.export(item, pressed)),
    ];
    if (!open && !archived) {
      buttons.unshift(button(text.open, (pressed) => this.open(item, pressed), { class: "sdpo-button" }));
    }
    if (archived) buttons.push(button(text.unarchive, () => this.act({ action: "unarchive", id })));
    else if (!open) buttons.push(button(text.archive, () => this.act({ action: "archive", id })));
    return buttons;
  }

  /** @param {ShownProject} item */
  nameForm({ id, name }) {
    const { text } = this;
    const field = make("input", { type: "text", maxlength: 80, "aria-label": text.renameLabel });
    field.value = name;
    /** @param {SubmitEvent} event */
    const onsubmit = async (event) => {
      event.preventDefault();
      if (await this.act({ action: "rename", id, name: field.value })) this.edit("");
    };
    requestAnimationFrame(() => {
      field.focus();
      field.select();
    });
    const save = make("button", { type: "submit", class: "sdpo-button", text: text.save });
    const cancel = button(text.cancel, () => this.edit(""));
    return make("form", { class: "home-form", onsubmit }, field, save, cancel);
  }

  /** @param {string} id */
  edit(id) {
    this.editing = id;
    this.shown = "";
    this.around.refresh();
  }

  /** @param {ProjectMessage} wish */
  async act(wish) {
    const reply = await this.around.act(wish);
    await this.around.heard(reply);
    return reply?.ok ?? false;
  }

  /** @param {boolean} open */
  showNew(open) {
    this.newForm.hidden = !open;
    this.newButton.hidden = open;
    if (open) this.newName.focus();
    else this.newName.value = "";
  }

  /** @param {SubmitEvent} event */
  async make(event) {
    event.preventDefault();
    if (await this.act({ action: "make", name: this.newName.value })) this.showNew(false);
  }

  /**
   * @param {ShownProject} item
   * @param {HTMLButtonElement} pressed
   */
  async open(item, pressed) {
    pressed.disabled = true;
    pressed.textContent = this.text.opening;
    const reply = await this.around.act({ action: "open", id: item.id });
    // Now, not when the bar sees it: what is done until then would be lost. The bar reloads the other open pages again.
    if (reply?.ok) return window.location.reload();
    this.shown = "";
    await this.around.heard(reply);
  }

  /**
   * @param {ShownProject} item
   * @param {HTMLButtonElement} pressed
   */
  async export(item, pressed) {
    pressed.disabled = true;
    pressed.textContent = this.text.exporting;
    await this.act({ action: "export", id: item.id });
    this.shown = "";
    await this.around.refresh();
  }

  upload() {
    const { text, around } = this;
    const chosen = this.file.files?.[0];
    this.file.value = "";
    if (!chosen) return;
    const request = new XMLHttpRequest(); // fetch can't say how far an upload is
    this.importButton.disabled = true;
    request.upload.onprogress = ({ loaded, total }) =>
      around.say(fill(text.uploading, { percent: Math.round((100 * loaded) / total) }));
    request.upload.onload = () => around.say(text.checking);
    request.onloadend = async () => {
      this.importButton.disabled = false;
      await around.heard(answerOf(request));
    };
    request.open("POST", at("/sdpo/project"));
    request.setRequestHeader("X-File-Name", encodeURIComponent(chosen.name));
    request.send(chosen);
  }
}

/**
 * @param {XMLHttpRequest} request
 * @returns {Reply<ProjectDone> | undefined}
 */
function answerOf(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return undefined; // no answer, or not ours
  }
}
