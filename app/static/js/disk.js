// Keeping house: what everything takes, what can go (shown before it does), the trash, copies of the votes.

const AGAIN_MS = 60000; // every image is counted

let asked = 0;
let shown = "";

const total = make("p", { class: "disk-total", text: text.loading });
const bar = make("div", { class: "disk-bar", "aria-hidden": "true" });
const parts = make("ul", { class: "disk-parts" });
const said = make("p", { class: "home-said", role: "status", hidden: true });
const trash = make("ul", { class: "home-projects", id: "disk-trash" });
const backups = make("ul", { class: "home-projects", id: "disk-backups" });

const title = make("h2", { id: "disk-dialog-title" });
const sentence = make("p", { class: "disk-sentence" });
const sample = make("div", { class: "disk-sample" });
const act = make("button", { type: "button", class: "sdpo-button", id: "disk-act" });
const cancel = make("button", { type: "button", class: "sdpo-button quiet", text: text.cancel, onclick: () => dialog.close() });
const dialog = make("dialog", { class: "disk-dialog", "aria-labelledby": "disk-dialog-title" },
  title, sentence, sample, make("div", { class: "home-buttons" }, act, cancel));

function section(id, heading, hint, ...content) {
  return make("section", { class: "home-section", "aria-labelledby": id },
    make("div", { class: "home-head" }, make("div", {}, make("h2", { id, text: heading }), hint ? make("p", { text: hint }) : null)), ...content);
}

const heading = section("disk-title", text.title, null, said, total, bar, parts);
root.replaceChildren(heading, section("trash-title", text.trash, null, trash),
  section("backups-title", text.backups, text.backupsHint, backups), dialog);

function part(item) {
  const buttons = item.clearings.map((one) => make("button", {
    type: "button", class: "sdpo-button quiet", "data-kind": one.kind, text: one.label, onclick: () => askFirst("preview", one.kind, "clear"),
  }));
  return make("li", { class: "home-project", "data-part": item.key },
    make("div", { class: "home-project-text" }, make("i", { class: `disk-dot part-${item.key}`, "aria-hidden": "true" }), make("strong", { text: item.name }),
      make("span", { class: "disk-size", text: item.size }), make("span", { class: "home-facts", text: item.hint })), buttons.length ? make("div", { class: "home-buttons" }, ...buttons) : null);
}

function segment(item) {
  const node = make("span", { class: `part-${item.key}` });
  node.style.flexGrow = item.share;
  return node;
}

function row(item, facts, button) {
  return make("li", { class: "home-project", "data-id": item.id ?? item.name },
    make("div", { class: "home-project-text" }, make("strong", { text: item.title ?? item.name }), make("span", { class: "home-facts", text: `${item.made} · ${facts}` })),
    make("div", { class: "home-buttons" }, button));
}

function thrown(item) {
  return row(item, item.facts, make("button", {
    type: "button", class: "sdpo-button quiet", text: text.putBack, "aria-label": `${text.putBack}: ${item.name}, ${item.made}`,
    onclick: (event) => run("put_back", item.id, event.target),
  }));
}

function copy(item) {
  return row(item, item.facts, make("button", {
    type: "button", class: "sdpo-button quiet", text: text.restore, disabled: !item.usable, "aria-label": `${text.restore} ${item.title}, ${item.made}`,
    onclick: () => askFirst("preview_restore", item.name, "restore"),
  }));
}

function empty(sentenceOfNone) {
  return make("li", { class: "home-facts", text: sentenceOfNone });
}

async function refresh() {
  asked = Date.now();
  const reply = await ask("house");
  if (!reply?.ok) return reply?.error ? say(reply.error, "bad") : undefined;
  const now = JSON.stringify([reply.parts, reply.trash, reply.backups]);
  total.textContent = reply.total;
  root.dataset.ready = "yes";
  if (now === shown) return; // nobody loses the button under a finger
  shown = now;
  bar.replaceChildren(...reply.parts.map(segment));
  parts.replaceChildren(...reply.parts.map(part));
  trash.replaceChildren(...(reply.trash.length ? reply.trash.map(thrown) : [empty(text.trashEmpty)]));
  backups.replaceChildren(...(reply.backups.length ? reply.backups.map(copy) : [empty(text.noBackups)]));
}

function say(told, kind) {
  said.hidden = !told;
  said.dataset.kind = kind;
  said.textContent = told;
}

/** Show what would happen; only then may it. */
async function askFirst(question, name, action) {
  const reply = await ask(question, { name });
  if (!reply?.ok) return say(reply?.error ?? text.lost, "bad");
  title.textContent = reply.title;
  sentence.textContent = reply.sentence;
  sample.hidden = !reply.images?.length;
  sample.replaceChildren(...(reply.images ?? []).map((sha256) => make("img", { src: `/sdpo/image/${sha256}`, alt: "", loading: "lazy" })),
    ...(reply.more ? [make("span", { text: fill(text.more, { count: reply.more }) })] : []));
  act.hidden = reply.button === "";
  act.disabled = false;
  act.textContent = reply.button ?? text.restoreDo;
  act.classList.toggle("danger", Boolean(reply.final));
  act.onclick = async () => {
    act.disabled = true;
    act.textContent = text.working;
    await run(action, name);
    dialog.close();
  };
  dialog.showModal();
  cancel.focus();
}

async function run(action, name, pressed = null) {
  if (pressed) pressed.disabled = true;
  const reply = await ask(action, { name });
  say(reply?.error ?? reply?.sentence ?? text.lost, reply?.ok ? "good" : "bad");
  if (pressed) pressed.disabled = false;
  await refresh();
}

let seen = true;
listen(window, "sdpo:status", () => {
  const opened = visible() && !seen;
  seen = visible();
  if (opened || (seen && Date.now() - asked > AGAIN_MS)) refresh();
});
refresh();
