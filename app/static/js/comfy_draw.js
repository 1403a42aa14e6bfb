// Drawing with a ComfyUI: its address, the workflow, and what was found in it. What is set is kept by the studio.

let last = Promise.resolve(); // what is asked goes out one after the other, so that no older answer comes last
const SLOTS = ["prompt_slot", "negative_slot", "seed_slot", "image_node"];

const badge = make("span", { class: "chip good", hidden: true, text: text.on });
const use = make("input", { type: "checkbox", id: "comfy-use", onchange: () => tell("choose") });
const url = make("input", { type: "text", id: "comfy-url", maxlength: 500, spellcheck: "false", autocapitalize: "off", onchange: () => tell("choose") });
const name = make("strong", { text: text.none });
const files = make("input", { type: "file", accept: ".json,.png,.webp", class: "visually-hidden", tabindex: -1, "aria-label": text.choose, onchange: opened });
const pasted = make("textarea", { rows: 2, class: "comfy-paste", "aria-label": text.paste, placeholder: text.paste, spellcheck: "false", oninput: paste });
const zone = make("div", { class: "import-zone comfy-zone" }, make("span", { text: text.drop }),
  make("button", { type: "button", class: "sdpo-button quiet", text: text.choose, onclick: () => files.click() }), files, pasted);
const rows = make("tbody");
const table = make("table", { class: "comfy-found", hidden: true }, make("caption", { class: "visually-hidden", text: text.found }),
  make("thead", {}, make("tr", {}, ...["what", "where", "value"].map((one) => make("th", { scope: "col", text: text[one] })))), rows);
const said = make("div", { role: "status", class: "comfy-said" });
const fields = Object.fromEntries(SLOTS.map((slot) => [slot, make("input", { type: "text", id: `comfy-${slot}`, maxlength: 500, spellcheck: "false", autocapitalize: "off", onchange: () => tell("choose") })]));
const point = make("details", { class: "home-archived" }, make("summary", { text: text.point }), make("p", { class: "comfy-hint", text: text.pointHint }),
  make("div", { class: "comfy-slots" }, ...SLOTS.map((slot) => label(text[slot], fields[slot]))));
const look = make("button", { type: "button", class: "sdpo-button quiet", text: text.look, onclick: () => tell("look") });
const inside = make("div", { class: "comfy-inside" }, make("p", { class: "comfy-hint", text: text.hint }),
  make("label", { class: "comfy-use", for: "comfy-use" }, use, make("span", { text: text.use })), label(text.url, url),
  make("p", { class: "comfy-name" }, make("span", { text: `${text.workflow}: ` }), name), zone, table, said, point, make("div", { class: "home-buttons" }, look));
const panel = make("details", { class: "comfy-panel" }, make("summary", {}, make("span", { text: text.title }), badge), inside);
root.replaceChildren(panel);

function label(words, field) {
  return make("label", { class: "comfy-field", for: field.id }, make("span", { text: words }), field);
}

for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
zone.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]); });

function opened() {
  const file = files.files[0];
  files.value = "";
  if (file) take(file);
}

function paste() {
  const written = pasted.value.trim();
  if (!written.startsWith("{") || !written.endsWith("}")) return; // half of it is typed, or it is something else
  pasted.value = "";
  take(new File([written], text.pasted));
}

/** Send a workflow's file; what is in it is for the studio to judge. */
async function take(file) {
  if (file.size > given.most_bytes) { say([text.tooLarge], "bad"); return; }
  const address = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => resolve("");
    reader.readAsDataURL(file);
  });
  const content = address.slice(address.indexOf(",") + 1);
  const name = file.name.slice(0, 200);
  last = last.then(async () => shown(await ask("take", { name, content }), true));
}

function wish() {
  return { on: use.checked, url: url.value.trim(), ...Object.fromEntries(SLOTS.map((slot) => [slot, fields[slot].value.trim()])) };
}

function tell(action) {
  last = last.then(async () => {
    look.disabled = action === "look"; // not for a field that was just left: that may be the click on this button
    if (action === "look") say([text.working], "plain");
    shown(await ask(action, wish()));
    look.disabled = false;
  });
}

function say(sentences, kind) {
  said.replaceChildren(...sentences.filter(Boolean).map((one) => make("p", { class: "home-said", "data-kind": kind, text: one })));
}

function shown(reply, filled = false) {
  if (reply?.ok) draw(reply, filled);
  else say([reply?.error ?? text.lost], "bad");
}

/** Show what the studio says; `filled`: also in the fields, where the person may be writing. */
function draw(reply, filled) {
  if (filled) {
    use.checked = reply.on;
    url.value = reply.url;
    for (const slot of SLOTS) fields[slot].value = reply[slot];
  }
  badge.hidden = !reply.on;
  name.textContent = reply.workflow ? reply.name : text.none;
  rows.replaceChildren(...reply.found.map((line) => make("tr", {}, make("th", { scope: "row", text: line.what }),
    make("td", { class: "comfy-where", text: line.where }), make("td", { text: line.value }))));
  table.hidden = reply.found.length === 0;
  say(reply.problems, "bad");
  said.append(...reply.notes.map((one) => make("p", { class: "home-said", text: one })));
  if (reply.problems.length && reply.found.length) point.open = true;
  root.dataset.on = String(reply.on);
  root.dataset.workflow = reply.workflow;
}

async function begin() {
  const reply = await ask("state");
  if (!reply?.ok) return;
  draw(reply, true);
  panel.open = reply.on;
}

begin();
