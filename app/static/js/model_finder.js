// The models on this machine: looked for when the list is opened, chosen by id. While a model is read, it says how far.

let version = -1;
let open = false;
let reading = "";
let models = [];
let chosen = "";
let looked = false;

const said = make("p", { class: "home-said", role: "status", hidden: true });
const readingText = make("span", { role: "status" });
const readingLine = make("div", { class: "finder-progress", hidden: true }, readingText,
  make("button", { type: "button", class: "sdpo-button quiet", text: text.halt, onclick: () => tell("stop_reading") }));
const lookingLine = make("span");
const halt = make("button", { type: "button", class: "sdpo-button quiet", text: text.halt, onclick: () => tell("halt") });
const looking = make("div", { class: "finder-progress", hidden: true }, lookingLine, halt);
const filter = make("input", { type: "search", class: "finder-filter", "aria-label": text.filter, placeholder: text.filter, oninput: drawModels, hidden: true });
const list = make("ul", { class: "finder-list", "aria-label": text.found });
const empty = make("p", { class: "home-facts", text: text.none, hidden: true });
const unusableName = make("summary");
const unusableList = make("ul", { class: "finder-unusable" });
const unusable = make("details", { class: "home-archived", hidden: true }, unusableName, unusableList);
const folders = make("ul", { class: "finder-folders" });
const newFolder = make("input", { type: "text", maxlength: 4000, "aria-label": text.newFolder, placeholder: text.newFolder });
const form = make("form", { class: "home-form", onsubmit: addFolder }, newFolder, make("button", { type: "submit", class: "sdpo-button quiet", text: text.add }));
const again = make("button", { type: "button", class: "sdpo-button quiet", text: text.again, onclick: () => tell("find") });
const inside = make("div", { class: "finder-inside", hidden: true }, said, looking, filter, list, empty, unusable,
  make("h3", { text: text.folders }), folders, form, make("div", { class: "home-buttons" }, again));
const opener = make("button", { type: "button", class: "sdpo-button quiet finder-open", "aria-expanded": "false", onclick: toggle }, make("span", { text: text.open }));
root.replaceChildren(readingLine, opener, inside);

async function toggle() {
  open = !open;
  inside.hidden = !open;
  opener.setAttribute("aria-expanded", String(open));
  opener.firstChild.textContent = open ? text.close : text.open;
  if (open) await refresh();
  if (open && !looked && looking.hidden) await tell("find");
}

async function tell(action, message = {}) {
  const reply = await ask(action, message);
  said.hidden = Boolean(reply?.ok);
  said.dataset.kind = "bad";
  said.textContent = reply?.ok ? "" : reply?.error ?? text.lost;
  await refresh();
  return Boolean(reply?.ok);
}

async function addFolder(event) {
  event.preventDefault();
  if (newFolder.value.trim() && (await tell("add_folder", { path: newFolder.value }))) newFolder.value = "";
}

function row(item) {
  const facts = [...item.facts, item.hash || text.unread].map((fact) => make("span", { class: "chip", text: fact }));
  return make("li", {},
    make("button", { type: "button", class: "finder-model", "data-id": item.id, title: item.place, "aria-pressed": String(item.id === chosen), onclick: () => pick(item) },
      make("strong", { text: item.name }), make("span", { class: "card-chips" }, ...facts), make("span", { class: "home-facts", text: item.tool })));
}

function pick(item) {
  props.value = item.id;
  trigger("picked");
}

function drawModels() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = models.filter((item) => words.every((word) => `${item.name} ${item.facts.join(" ")} ${item.tool}`.toLowerCase().includes(word)));
  list.replaceChildren(...shown.map(row));
  filter.hidden = models.length < 8;
  root.dataset.count = models.length;
}

async function refresh() {
  const reply = await ask("finder", { version });
  if (!reply?.ok) return; // asked again with the next status
  looked = reply.looked;
  looking.hidden = !reply.looking;
  lookingLine.textContent = reply.looking;
  root.dataset.looking = reply.looking ? "yes" : "no";
  const before = reading;
  reading = reply.reading;
  readingLine.hidden = !reading;
  readingText.textContent = reading;
  if (before && !reading) trigger("read");
  if (reply.models) {
    version = reply.version;
    models = reply.models;
    unusable.hidden = reply.unusable.length + reply.unseen.length === 0;
    unusableName.textContent = fill(text.unusable, { count: reply.unusable.length + reply.unseen.length });
    unusableList.replaceChildren(
      ...reply.unseen.map((why) => make("li", { text: why })),
      ...reply.unusable.map((item) => make("li", {}, make("strong", { text: item.name }), make("span", { text: item.why }))));
    folders.replaceChildren(...reply.folders.map((folder) => make("li", {}, make("span", { text: folder.path }),
      make("button", { type: "button", class: "sdpo-button quiet", text: text.forget, "aria-label": `${text.forget}: ${folder.path}`, onclick: () => tell("forget_folder", { id: folder.id }) }))));
  }
  if (reply.models || reply.chosen !== chosen) {
    chosen = reply.chosen;
    drawModels();
  }
  empty.hidden = models.length > 0 || Boolean(reply.looking) || !looked;
}

listen(window, "sdpo:status", () => { if (visible() && (open || reading)) refresh(); });
watch("value", refresh); // Python started to read a model
ask("finder", { version: -2 }).then((reply) => { if (reply?.reading) refresh(); });
