// One card per adapter, with what can be done with it; below, the folders of other tools.

const AGAIN_MS = 5000;

let asked = 0;
let shown = "";
let editing = 0; // id of the adapter whose form is open
let choosing = ""; // tool whose folder is being chosen
const typed = {}; // by tool: what was written into its folder's field and not taken yet

const list = make("div", { class: "cards-place" }, make("p", { class: "sdpo-empty", text: text.loading }));
const said = make("p", { class: "home-said", role: "status", hidden: true });
const tools = make("ul", { class: "home-projects", id: "lora-folders" });
const folders = make("section", { class: "home-section", "aria-labelledby": "lora-folders-title", hidden: true },
  make("div", { class: "home-head" }, make("div", {}, make("h2", { id: "lora-folders-title", text: text.folders }), make("p", { text: text.foldersHint }))), tools);
root.replaceChildren(said, list, folders);

function button(label, onclick, quiet = true) {
  return make("button", { type: "button", class: quiet ? "sdpo-button quiet" : "sdpo-button", text: label, onclick });
}

function chip(value, kind = "") {
  return value ? make("span", { class: `chip ${kind}`, text: value }) : null;
}

// --- cards ---------------------------------------------------------------------------------------------------------

function picture(card) {
  if (!card.preview) return make("div", { class: "card-picture none", text: text.noPreview });
  return make("img", { class: "card-picture", src: card.preview, alt: "" });
}

function verdict(card) {
  if (!card.verdict) return make("p", { class: "card-verdict", text: card.notJudged });
  const bar = make("div", { class: "verdict-bar", role: "img", "aria-label": card.verdict.plot },
    make("span", { class: "verdict-middle" }), make("span", { class: "verdict-range" }), make("span", { class: "verdict-point" }));
  const [, range, point] = bar.children;
  range.style.left = `${100 * card.verdict.low}%`;
  range.style.width = `${100 * (card.verdict.high - card.verdict.low)}%`;
  point.style.left = `${100 * card.verdict.win_rate}%`;
  return make("div", { class: "card-judged" }, make("p", { class: "card-verdict", text: card.verdict.sentence }), bar);
}

/** What was measured at several strengths, and what is predicted at the one that was kept. */
function effect(card) {
  if (!card.effect) return null;
  const { predicted, strength, curve } = card.effect;
  const about = make("figcaption", { class: "card-note", text: strength });
  return make("figure", { class: "card-effect" }, predicted ? make("p", { class: "card-predicted", text: predicted }) : null,
    curve ? gainCurve(curve) : null, about);
}

function copyButton(card) {
  const node = button(text.copy, async () => {
    try {
      await navigator.clipboard.writeText(card.path);
      node.textContent = text.copied;
    } catch {
      node.textContent = text.copyFailed;
    }
    setTimeout(() => { node.textContent = text.copy; }, 2500);
  });
  return node;
}

function downloads(card) {
  const links = Object.entries(card.files).map(([kind, href]) => {
    const [label, hint] = text.files[kind];
    return make("li", {}, make("a", { href, download: true, "data-file": kind, text: label }), make("span", { text: hint }));
  });
  return links.length ? make("details", { class: "card-more" }, make("summary", { text: text.download }), make("ul", {}, ...links)) : null;
}

function where(card) {
  return make("details", { class: "card-more" }, make("summary", { text: text.path }),
    make("code", { class: "card-path", text: card.path }), copyButton(card));
}

function places(card) {
  return card.places.flatMap((place) => {
    if (place.there) return [chip(place.there, "good")];
    if (!card.proven) return [];
    const put = (how) => (event) => act({ action: "place", id: card.id, tool: place.tool, how }, event.target);
    const link = button(fill(text.linkTo, { tool: place.label }), put("link"));
    link.title = text.linkHint;
    return [button(fill(text.copyTo, { tool: place.label }), put("copy")), link];
  });
}

function buttons(card) {
  const usable = !card.problem;
  const all = [
    usable ? button(text.judge, () => trigger("judge", { name: card.name })) : null,
    usable ? button(text.roundTwo, () => trigger("round_two", { name: card.name })) : null,
    button(text.edit, () => edit(card.id)),
    button(text.delete, (event) => remove(card, event.target)),
  ].filter(Boolean);
  if (usable) all[1].title = text.roundTwoHint;
  for (const one of all) one.setAttribute("aria-label", `${one.textContent}: ${card.name}`);
  return make("div", { class: "card-buttons" }, ...places(card), ...all);
}

function field(label, name, value, hint = "", tag = "input") {
  const input = make(tag, { name, ...(tag === "input" ? { type: "text" } : { rows: 3 }), maxlength: tag === "input" ? 80 : 2000 });
  input.value = value;
  return make("label", { class: "card-field" }, make("span", { text: label }), input, hint ? make("span", { class: "card-hint", text: hint }) : null);
}

/** A place in a form for why it was refused: there the person looks. */
function problemLine(id) {
  return make("p", { class: "form-problem", id, role: "alert", hidden: true });
}

function form(card) {
  const problem = problemLine("card-problem");
  const node = make("form", { class: "card-form", onsubmit: async (event) => {
    event.preventDefault();
    const [name, strength, note] = ["name", "strength", "note"].map((one) => node.elements[one].value);
    if (await act({ action: "edit", id: card.id, name, strength, note }, event.submitter, problem)) edit(0);
  } },
  field(text.editName, "name", card.name),
  field(text.editStrength, "strength", card.strength ?? "", text.editStrengthHint),
  field(text.editNote, "note", card.note, "", "textarea"),
  problem,
  make("div", { class: "home-buttons" }, make("button", { type: "submit", class: "sdpo-button", text: text.save }), button(text.cancel, () => edit(0))));
  requestAnimationFrame(() => node.elements.name.focus());
  return node;
}

function body(card) {
  const about = [card.fit, card.error].filter(Boolean);
  return [
    make("p", { class: "card-chips" }, ...card.chips.map((one) => chip(one)),
      card.strength === null ? null : chip(fill(text.strengthChip, { strength: card.strength }), "good")),
    verdict(card),
    effect(card),
    card.problem ? make("p", { class: "card-problem", text: card.problem }) : null,
    card.warning ? make("p", { class: "card-note", text: card.warning }) : null,
    card.problem ? null : make("p", { class: "card-note card-fit", text: about.join(" ") }),
    card.note ? make("p", { class: "card-own", text: card.note }) : null,
    downloads(card), where(card), buttons(card),
  ];
}

function item(card) {
  const content = editing === card.id ? [form(card)] : body(card);
  return make("li", { class: "card", "data-adapter": card.name, "data-id": card.id },
    picture(card), make("div", { class: "card-body" }, make("h3", { text: card.name }), ...content.filter(Boolean)));
}

function edit(id) {
  editing = id;
  refresh(true);
}

async function remove(card, pressed) {
  const reply = await act({ action: "delete", id: card.id }, pressed);
  if (!reply) return;
  said.append(" ", button(text.undo, (event) => act({ action: "put_back", entry: reply.entry }, event.target)));
}

// --- folders of other tools ----------------------------------------------------------------------------------------

function tool(one) {
  if (choosing === one.id) return folderForm(one);
  const choose = button(one.folder ? text.change : text.choose, () => open(one.id));
  choose.setAttribute("aria-label", `${choose.textContent} ${fill(text.folderLabel, { tool: one.label })}`);
  const forget = one.folder ? button(text.forget, (event) => act({ action: "forget", tool: one.id }, event.target)) : null;
  forget?.setAttribute("aria-label", `${text.forget}: ${fill(text.folderLabel, { tool: one.label })}`);
  return make("li", { class: "home-project", "data-tool": one.id },
    make("div", { class: "home-project-text" }, make("strong", { text: one.label }), make("span", { class: "home-facts", text: one.folder || text.noFolder })),
    make("div", { class: "home-buttons" }, choose, ...(forget ? [forget] : [])));
}

function folderForm(one) {
  const label = fill(text.folderLabel, { tool: one.label });
  const suggested = `folders-${one.id}`;
  const problem = problemLine(`folder-problem-${one.id}`);
  const input = make("input", {
    type: "text", "aria-label": label, "aria-describedby": problem.id, placeholder: text.folderPlaceholder, list: suggested, maxlength: 4000,
    oninput: () => { typed[one.id] = input.value; },
  });
  input.value = typed[one.id] ?? (one.folder || one.suggestions[0] || "");
  requestAnimationFrame(() => { input.focus(); input.select(); });
  return make("li", { class: "home-project", "data-tool": one.id },
    make("form", { class: "home-form", onsubmit: async (event) => {
      event.preventDefault();
      const reply = await act({ action: "folder", tool: one.id, folder: input.value }, event.submitter, problem);
      input.setAttribute("aria-invalid", String(!reply));
      if (!reply) return input.focus();
      delete typed[one.id];
      open("");
    } }, input, make("datalist", { id: suggested }, ...one.suggestions.map((value) => make("option", { value }))),
    make("button", { type: "submit", class: "sdpo-button", text: text.save }), button(text.cancel, () => { delete typed[one.id]; open(""); }), problem));
}

function open(id) {
  choosing = id;
  refresh(true);
}

// --- the studio ----------------------------------------------------------------------------------------------------

function say(sentence, kind) {
  said.hidden = !sentence;
  said.dataset.kind = kind;
  said.replaceChildren(sentence);
}

/** Do something. Why it was refused is told in `problem`, where that is given, else above the cards. */
async function act(message, pressed, problem = null) {
  if (pressed) pressed.disabled = true;
  const reply = await ask("act", message);
  const refused = reply?.ok ? "" : reply?.error ?? text.lost;
  if (problem) {
    problem.hidden = !refused;
    problem.textContent = refused;
  }
  if (problem && refused) say("");
  else say(reply?.sentence ?? refused, reply?.ok ? "good" : "bad");
  if (pressed) pressed.disabled = false;
  if (!reply?.ok) return null;
  await refresh();
  return reply;
}

async function refresh(anew = false) {
  asked = Date.now();
  const reply = await ask("shelf");
  if (!reply?.ok) return reply?.error ? say(reply.error, "bad") : undefined;
  const now = JSON.stringify([reply, editing, choosing]);
  if (now === shown) return; // nobody loses the button under a finger
  if (!anew && shown && (root.querySelector("form") !== null)) return; // nor what is being written
  shown = now;
  root.dataset.count = reply.cards.length;
  list.replaceChildren(reply.cards.length ? make("ul", { class: "cards", "aria-label": text.label }, ...reply.cards.map(item))
    : make("div", { class: "board-empty" }, make("p", { class: "board-empty-title", text: text.empty }), make("p", { class: "board-empty-hint", text: text.emptyHint })));
  folders.hidden = reply.cards.length === 0 && reply.tools.every((one) => !one.folder);
  tools.replaceChildren(...reply.tools.map(tool));
}

let seen = false;
listen(window, "sdpo:status", () => {
  const opened = visible() && !seen;
  seen = visible();
  if (opened || (seen && Date.now() - asked > AGAIN_MS)) refresh();
});
refresh();
