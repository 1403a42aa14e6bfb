// One prompt and seed over strengths (columns) and checkpoints (rows). Images appear while a job draws them; one can be
// chosen, which makes its checkpoint and strength the recommended ones.

let run = "";
let shown = "";
let last = null;
let farewell = ""; // what is said of a grid that was removed, once the next one is shown

const empty = make("p", { class: "sdpo-empty", text: text.empty });
const caption = make("p", { class: "strengths-caption" });
const body = make("div", { class: "strengths-scroll" });
const said = make("p", { class: "home-said", role: "status", hidden: true });
const large = make("img", { alt: "" });
const largeCaption = make("p");
const choose = make("button", { type: "button", class: "sdpo-button strengths-choose", text: text.choose });
const dialog = make("dialog", { class: "grid-dialog strengths-dialog", "aria-label": text.label, onclick: (event) => { if (event.target === dialog) dialog.close(); } },
  large, largeCaption, make("div", { class: "home-buttons" }, choose,
    make("button", { type: "button", class: "sdpo-button quiet", text: text.close, onclick: () => dialog.close() })));
const remove = make("button", { type: "button", class: "sdpo-button quiet strengths-remove", text: text.remove, hidden: true, onclick: async () => {
  remove.disabled = true;
  const reply = await ask("remove", { run });
  remove.disabled = false;
  farewell = reply?.ok ? reply.sentence : "";
  say(reply?.sentence ?? reply?.error ?? text.lost, reply?.ok ? "good" : "bad");
  if (reply?.ok) trigger("removed");
} });
root.replaceChildren(empty, caption, said, body, remove, dialog);

function rowName(row) {
  return row.step === null ? text.adapter : fill(text.step, { step: row.step });
}

function columnName(strength) {
  return strength === 0 ? text.base : fill(text.strength, { strength });
}

function address(row, column) {
  return `/sdpo/grid/${encodeURIComponent(run)}/${row}/${column}`;
}

function cell(reply, row, column) {
  const [item, strength] = [reply.rows[row], reply.strengths[column]];
  const names = { row: rowName(item), column: columnName(strength) };
  const recommended = strength !== 0 && item.recommended === strength;
  const node = make("td", { class: recommended ? "recommended" : null, "data-cell": `${row}-${column}`, "data-drawn": String(item.drawn[column]) });
  if (!item.drawn[column]) {
    node.append(make("span", { class: "strengths-missing", text: reply.running ? "" : text.missing }));
    return node;
  }
  node.append(make("button", { type: "button", "aria-label": fill(text.open, names), onclick: () => open(row, column) },
    make("img", { src: address(row, column), alt: fill(text.alt, names), loading: "lazy" })));
  if (recommended) node.append(make("span", { class: "chip good", text: text.chosen }));
  return node;
}

function table(reply) {
  const corner = make("th", { scope: "col" }, make("span", { class: "visually-hidden", text: text.label }));
  return make("table", { class: "strengths", "aria-label": text.label },
    make("thead", {}, make("tr", {}, corner, ...reply.strengths.map((strength) => make("th", { scope: "col", text: columnName(strength) })))),
    make("tbody", {}, ...reply.rows.map((item, row) => make("tr", {},
      make("th", { scope: "row", text: rowName(item) }), ...reply.strengths.map((_, column) => cell(reply, row, column))))));
}

function open(row, column) {
  const [item, strength] = [last.rows[row], last.strengths[column]];
  large.src = address(row, column);
  large.alt = largeCaption.textContent = fill(text.alt, { row: rowName(item), column: columnName(strength) });
  choose.hidden = strength === 0;
  choose.disabled = item.recommended === strength;
  choose.textContent = choose.disabled ? text.chosen : text.choose;
  choose.onclick = async () => {
    choose.disabled = true;
    const reply = await ask("pick", { run, row, column });
    dialog.close();
    say(reply?.sentence ?? reply?.error ?? text.lost, reply?.ok ? "good" : "bad");
    if (reply?.ok) draw(reply);
  };
  dialog.showModal();
}

function say(sentence, kind) {
  said.hidden = !sentence;
  said.dataset.kind = kind;
  said.textContent = sentence;
}

function draw(reply) {
  last = reply;
  const now = JSON.stringify(reply);
  if (now === shown) return; // nobody loses the image under a finger
  shown = now;
  const drawn = reply.rows.flatMap((row) => row.drawn).filter(Boolean).length;
  root.dataset.drawn = drawn;
  root.dataset.running = String(reply.running);
  empty.hidden = reply.rows.length > 0 || Boolean(reply.error);
  empty.textContent = reply.running ? text.waiting : text.empty;
  caption.hidden = body.hidden = reply.rows.length === 0;
  remove.hidden = !run || reply.running;
  if (!reply.rows.length) return;
  caption.textContent = fill(text.caption, reply);
  body.replaceChildren(table(reply));
}

async function refresh() {
  const asked = props.value ?? "";
  if (asked !== run) {
    [run, shown] = [asked, ""];
    say(farewell, "good");
    farewell = "";
  }
  if (!asked) return draw({ rows: [], running: false });
  const reply = await ask("shown", { run: asked });
  if (!reply || asked !== (props.value ?? "")) return;
  if (reply.error) say(reply.error, "bad");
  draw(reply.rows ? reply : { rows: [], running: false, error: reply.error });
}

watch("value", refresh);
listen(window, "sdpo:status", (event) => {
  const job = event.detail.job;
  if (visible() && (last?.running || (job?.verb === "grid" && job.running))) refresh();
});
refresh();
