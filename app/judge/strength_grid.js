// One prompt and seed over strengths (columns) and checkpoints (rows). Images appear while a job draws them; one can be
// chosen, which makes its checkpoint and strength the recommended ones.

/** @import { Host } from "../ui/widget.js" */
/** @import { Grid, GridRow, StrengthGridServer } from "./messages.js" */
/** @import { StrengthGridText } from "./strings.js" */

import { button, fill, make, makeSaid } from "../ui/elements.js";
import { at } from "../ui/page.js";
import { Widget } from "../ui/widget.js";

/** @typedef {Omit<Grid, "run"> & {error?: string}} Shown   `error` says why there never will be rows */

/** @type {Shown} */
const NONE = { rows: [], running: false };

/** @param {Host<StrengthGridText, StrengthGridServer>} host */
export function mount(host) {
  new StrengthGrid(host).start();
}

/** @extends {Widget<StrengthGridText, StrengthGridServer>} */
class StrengthGrid extends Widget {
  run = "";
  shown = "";
  /** @type {Shown} */
  last = NONE;
  farewell = ""; // what is said of a grid that was removed, once the next one is shown

  /** @param {Host<StrengthGridText, StrengthGridServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.empty = make("p", { class: "sdpo-empty", text: text.empty });
    this.caption = make("p", { class: "strengths-caption" });
    this.body = make("div", { class: "strengths-scroll" });
    this.said = makeSaid();
    this.large = make("img", { alt: "" });
    this.largeCaption = make("p");
    this.choose = make("button", { type: "button", class: "sdpo-button strengths-choose", text: text.choose });
    this.dialog = make(
      "dialog",
      { class: "grid-dialog strengths-dialog", "aria-label": text.label },
      this.large,
      this.largeCaption,
      make(
        "div",
        { class: "home-buttons" },
        this.choose,
        button(text.close, () => {
          this.dialog.close();
        }),
      ),
    );
    this.dialog.addEventListener("click", (event) => {
      if (event.target === event.currentTarget) this.dialog.close();
    });
    this.removeButton = button(text.remove, () => this.remove(), {
      class: "sdpo-button quiet strengths-remove",
      hidden: true,
    });
    const above = [this.empty, this.caption, this.said.node];
    this.root.replaceChildren(...above, this.body, this.removeButton, this.dialog);
  }

  start() {
    this.watch("value", () => this.refresh());
    this.onWindow("sdpo:status", ({ detail: { job } }) => {
      if (this.visible() && (this.last.running || (job?.verb === "grid" && job.running))) this.refresh();
    });
    this.refresh();
  }

  async remove() {
    const { text, run } = this;
    this.removeButton.disabled = true;
    const reply = await this.ask("remove", { run });
    this.removeButton.disabled = false;
    this.farewell = reply?.sentence ?? "";
    this.said.say(reply?.sentence ?? reply?.error ?? text.lost, reply?.ok ? "good" : "bad");
    if (reply?.ok) this.trigger("removed");
  }

  /** @param {GridRow} row */
  rowName({ step }) {
    return step === null ? this.text.adapter : fill(this.text.step, { step });
  }

  /** @param {number} strength */
  columnName(strength) {
    return strength === 0 ? this.text.base : fill(this.text.strength, { strength });
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  address(row, column) {
    return at(`/sdpo/grid/${encodeURIComponent(this.run)}/${row}/${column}`);
  }

  /**
   * @param {Shown} grid
   * @param {number} row
   * @param {number} column
   */
  cell({ rows, strengths = [], running }, row, column) {
    const { text } = this;
    const [item, strength] = [rows[row], strengths[column]];
    const names = { row: this.rowName(item), column: this.columnName(strength) };
    const recommended = strength !== 0 && item.recommended === strength;
    const drawn = item.drawn[column];
    const node = make("td", {
      class: recommended ? "recommended" : null,
      "data-cell": `${row}-${column}`,
      "data-drawn": String(drawn),
    });
    if (!drawn) {
      node.append(make("span", { class: "strengths-missing", text: running ? "" : text.missing }));
      return node;
    }
    const image = make("img", { src: this.address(row, column), alt: fill(text.alt, names), loading: "lazy" });
    const onclick = () => this.open(row, column);
    node.append(make("button", { type: "button", "aria-label": fill(text.open, names), onclick }, image));
    if (recommended) node.append(make("span", { class: "chip good", text: text.chosen }));
    return node;
  }

  /** @param {Shown} grid */
  table(grid) {
    const { label } = this.text;
    const strengths = grid.strengths ?? [];
    const corner = make("th", { scope: "col" }, make("span", { class: "visually-hidden", text: label }));
    const columns = strengths.map((strength) => make("th", { scope: "col", text: this.columnName(strength) }));
    const rows = grid.rows.map((item, row) => {
      const cells = strengths.map((_, column) => this.cell(grid, row, column));
      return make("tr", {}, make("th", { scope: "row", text: this.rowName(item) }), ...cells);
    });
    const head = make("thead", {}, make("tr", {}, corner, ...columns));
    return make("table", { class: "strengths", "aria-label": label }, head, make("tbody", {}, ...rows));
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  open(row, column) {
    const { text, choose, large } = this;
    const [item, strength] = [this.last.rows[row], this.last.strengths?.[column] ?? 0];
    large.src = this.address(row, column);
    large.alt = fill(text.alt, { row: this.rowName(item), column: this.columnName(strength) });
    this.largeCaption.textContent = large.alt;
    choose.hidden = strength === 0;
    choose.disabled = item.recommended === strength;
    choose.textContent = choose.disabled ? text.chosen : text.choose;
    choose.onclick = () => this.pick(row, column);
    this.dialog.showModal();
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  async pick(row, column) {
    this.choose.disabled = true;
    const reply = await this.ask("pick", { run: this.run, row, column });
    this.dialog.close();
    this.said.say(reply?.sentence ?? reply?.error ?? this.text.lost, reply?.ok ? "good" : "bad");
    if (reply?.ok) this.draw(reply);
  }

  /** @param {Shown} grid */
  draw(grid) {
    const { text, root } = this;
    this.last = grid;
    const now = JSON.stringify(grid);
    if (now === this.shown) return; // nobody loses the image under a finger
    this.shown = now;
    const drawn = grid.rows.flatMap((row) => row.drawn).filter(Boolean).length;
    root.dataset.drawn = String(drawn);
    root.dataset.running = String(grid.running);
    this.empty.hidden = grid.rows.length > 0 || Boolean(grid.error);
    this.empty.textContent = grid.running ? text.waiting : text.empty;
    this.caption.hidden = this.body.hidden = grid.rows.length === 0;
    this.removeButton.hidden = !this.run || grid.running;
    if (!grid.rows.length) return;
    this.caption.textContent = fill(text.caption, grid);
    this.body.replaceChildren(this.table(grid));
  }

  async refresh() {
    const run = this.props.value ?? "";
    if (run !== this.run) {
      [this.run, this.shown] = [run, ""];
      this.said.say(this.farewell, "good");
      this.farewell = "";
    }
    if (!run) return this.draw(NONE);
    const reply = await this.ask("shown", { run });
    if (!reply || run !== (this.props.value ?? "")) return;
    if (!reply.ok) this.said.say(reply.error, "bad");
    this.draw(reply.ok ? reply : { ...NONE, error: reply.error });
  }
}
