// Importing images: dropped, chosen, or a folder of this machine. Files are sent one by one, then a job takes them in.

const AT_ONCE = 3;

let sending = null; // an AbortController while files are sent
let shownRun = "";
let shownState = "";

const said = make("p", { class: "home-said", role: "status", hidden: true });
const files = make("input", { type: "file", multiple: true, accept: given.suffixes.join(","), class: "visually-hidden", tabindex: -1, "aria-label": text.files, onchange: () => chosen(files) });
const folder = make("input", { type: "file", multiple: true, webkitdirectory: true, class: "visually-hidden", tabindex: -1, "aria-label": text.folder, onchange: () => chosen(folder) });
const cancel = make("button", { type: "button", class: "sdpo-button quiet", text: text.cancel, hidden: true, onclick: () => sending?.abort() });
const buttons = make("div", { class: "home-buttons" },
  make("button", { type: "button", class: "sdpo-button quiet", text: text.files, onclick: () => files.click() }),
  make("button", { type: "button", class: "sdpo-button quiet", text: text.folder, onclick: () => folder.click() }), cancel);
const zone = make("div", { class: "import-zone" }, make("strong", { text: text.drop }), buttons, files, folder);
const path = make("input", { type: "text", maxlength: 4000, "aria-label": text.path, placeholder: text.path });
const form = make("form", { class: "home-form", onsubmit: takeFolder }, path, make("button", { type: "submit", class: "sdpo-button quiet", text: text.take }));
const leftName = make("summary");
const leftList = make("ul", { class: "finder-unusable" });
const left = make("details", { class: "home-archived", hidden: true }, leftName, leftList);
const question = make("p", { class: "import-question" });
const prompt = make("input", { type: "text", maxlength: 20000, "aria-label": text.prompt, placeholder: text.prompt });
const asking = make("form", { class: "import-ask", hidden: true, onsubmit: givePrompt }, question,
  make("div", { class: "home-form" }, prompt, make("button", { type: "submit", class: "sdpo-button", text: text.give })));
root.replaceChildren(
  make("div", { class: "home-head" }, make("div", {}, make("h2", { text: text.title }), make("p", { text: text.hint }))),
  said, asking, left, zone, form);

for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
zone.addEventListener("drop", async (event) => {
  event.preventDefault();
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  send(found);
});

/** All files below a dropped folder, with their names relative to it. */
async function walk(entry, above, found) {
  if (found.length > given.most_files || entry.name.startsWith(".")) return;
  const name = above + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ name, file });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([]))); // at most 100 at a time
    if (some.length === 0) return;
    for (const one of some) await walk(one, `${name}/`, found);
  }
}

function chosen(input) {
  const found = [...input.files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  input.value = "";
  send(found);
}

function suffix(name) {
  return name.slice(name.lastIndexOf(".")).toLowerCase();
}

function say(sentence, kind = "plain") {
  said.hidden = !sentence;
  said.dataset.kind = kind;
  said.textContent = sentence;
}

/** Started, waiting for its turn, or refused. */
function outcome(reply) {
  say(reply?.ok ? reply.sentence : reply?.error ?? text.lost, reply?.ok ? "plain" : "bad");
}

function list(rows) {
  left.hidden = rows.length === 0;
  leftName.textContent = fill(text.leftOut, { count: rows.length });
  leftList.replaceChildren(...rows.map((row) => make("li", {}, make("strong", { text: row.name }), make("span", { text: row.reason }))));
}

async function send(found) {
  if (sending) return;
  const refused = [];
  const good = found.filter(({ name, file }) => {
    const known = given.suffixes.includes(suffix(name));
    if (!known && !/(^|\/)(thumbs\.db|desktop\.ini)$/i.test(name)) refused.push({ name, reason: fill(text.wrongKind, { name: "" }).replace(/^: /, "") });
    const large = known && file.size > given.most_bytes;
    if (large) refused.push({ name, reason: fill(text.tooLarge, { name: "", most: given.most_bytes >> 20 }).replace(/^: /, "") });
    return known && !large;
  });
  list(refused);
  asking.hidden = true;
  if (!good.some(({ name }) => given.image_suffixes.includes(suffix(name)))) return say(text.nothing, "bad");
  if (good.length > given.most_files) return say(fill(text.tooMany, { most: given.most_files }), "bad");
  const begun = await ask("begin");
  if (!begun?.ok) return say(begun?.error ?? text.lost, "bad");
  sending = new AbortController();
  cancel.hidden = false;
  try {
    await sendAll(good, begun.id, refused);
    list(refused);
    const reply = await ask("start", { id: begun.id });
    outcome(reply);
  } catch (error) {
    say(error.name === "AbortError" ? text.cancelled : error.message || text.lost, error.name === "AbortError" ? "plain" : "bad");
  } finally {
    sending = null;
    cancel.hidden = true;
  }
}

/** Several at a time; one that the studio refuses is told, a lost connection ends all. */
async function sendAll(good, id, refused) {
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < good.length) {
      const { name, file } = good[next++];
      const answer = await fetch(`/sdpo/import/${id}?name=${encodeURIComponent(name)}`, { method: "POST", body: file, signal: sending.signal });
      const reply = await answer.json();
      if (!reply.ok) refused.push({ name, reason: reply.error });
      say(fill(text.sending, { done: ++done, total: good.length }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function takeFolder(event) {
  event.preventDefault();
  const reply = await ask("start_folder", { path: path.value });
  list([]);
  asking.hidden = true;
  outcome(reply);
  if (reply?.ok) path.value = "";
}

async function givePrompt(event) {
  event.preventDefault();
  const reply = await ask("with_prompt", { run: shownRun, prompt: prompt.value });
  outcome(reply);
  if (!reply?.ok) return;
  asking.hidden = true;
  prompt.value = "";
}

async function refresh() {
  const reply = await ask("state");
  if (!reply?.ok || !reply.run || sending) return;
  const now = `${reply.run} ${reply.state}`;
  if (now === shownState) return;
  shownState = now;
  shownRun = reply.run;
  root.dataset.state = reply.state;
  say(reply.sentence, { failed: "bad", done: "good" }[reply.state] ?? "plain");
  if (!reply.running) list(reply.troubles);
  asking.hidden = !reply.question;
  question.textContent = reply.question;
}

listen(window, "sdpo:status", (event) => {
  if (!visible()) return;
  const job = event.detail.job;
  if (job?.verb === "import" || shownState === "") refresh();
});
refresh();
