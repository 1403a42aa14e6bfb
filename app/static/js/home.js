// Home: the loop with its numbers, the next step, the machine, the projects. It listens to the bar's status and asks
// for the rest when it can be seen, every few seconds.

const AGAIN_MS = 4000;

let asked = 0;
let shownStages = "";
let shownStrip = "";
let shownProjects = "";
let editing = ""; // id of the project that is being renamed
let archivedOpen = false;

const stages = make("ol", { class: "home-stages", "aria-label": text.loop });
const nextText = make("p", { class: "home-next-text" });
const nextButton = make("button", { type: "button", class: "sdpo-button home-next-button", onclick: () => openTab(nextButton.dataset.tab) });
const next = make("section", { class: "home-next", "aria-label": text.next }, nextText, nextButton);
const strip = make("ul", { class: "home-strip", "aria-label": text.machine });
const list = make("ul", { class: "home-projects" });
const archivedList = make("ul", { class: "home-projects" });
const archivedName = make("summary");
const archived = make("details", { class: "home-archived", hidden: true, ontoggle: () => { archivedOpen = archived.open; } },
  archivedName, archivedList);
const said = make("p", { class: "home-said", role: "status", hidden: true });
const newName = make("input", { type: "text", id: "project-new-name", maxlength: 80, "aria-label": text.newName, placeholder: text.newName });
const newForm = make("form", { class: "home-form", hidden: true, onsubmit: makeProject }, newName,
  make("button", { type: "submit", class: "sdpo-button", text: text.make }),
  make("button", { type: "button", class: "sdpo-button quiet", text: text.cancel, onclick: () => showNew(false) }));
const newButton = make("button", { type: "button", class: "sdpo-button quiet", id: "project-new", text: text.new, onclick: () => showNew(true) });
const file = make("input", { type: "file", accept: ".zip,application/zip", id: "project-file", class: "visually-hidden", tabindex: -1, "aria-label": text.import, onchange: upload });
const importButton = make("button", { type: "button", class: "sdpo-button quiet", id: "project-import", text: text.import, title: text.importHint, onclick: () => file.click() });

root.replaceChildren(
  stages, next, strip,
  make("section", { class: "home-section", "aria-label": text.projects },
    make("div", { class: "home-head" }, make("div", {}, make("h2", { text: text.projects }), make("p", { text: text.projectsHint })),
      make("div", { class: "home-buttons" }, newButton, importButton, file)),
    newForm, said, list, archived));

function stage(item) {
  return make("li", {},
    make("button", { type: "button", class: "home-stage", "data-stage": item.key, "data-done": String(item.done), onclick: () => openTab(item.tab) },
      make("span", { class: "home-stage-title", text: item.title }),
      make("strong", { class: "home-stage-value", text: item.value, title: item.value }),
      make("span", { class: "home-stage-hint", text: item.hint })));
}

function meter(item) {
  const bar = item.share === null ? null : make("span", { class: "home-meter", "aria-hidden": "true" }, make("span"));
  if (bar) bar.firstChild.style.width = `${Math.round(100 * item.share)}%`;
  const more = item.tab ? make("button", { type: "button", class: "sdpo-button quiet home-more", text: text.keepHouse, onclick: () => openTab(item.tab) }) : null;
  return make("li", {}, make("div", { class: "home-meter-text" }, make("strong", { text: item.label }), make("span", { text: item.hint })), bar, more);
}

function button(label, action, quiet = true) {
  return make("button", { type: "button", class: quiet ? "sdpo-button quiet" : "sdpo-button", text: label, onclick: action });
}

function project(item) {
  const row = make("li", { class: "home-project", "data-project": item.id, "data-open": String(item.open) });
  if (editing === item.id) {
    const name = make("input", { type: "text", maxlength: 80, "aria-label": text.renameLabel });
    name.value = item.name;
    row.append(make("form", { class: "home-form", onsubmit: async (event) => {
      event.preventDefault();
      if (await act({ action: "rename", id: item.id, name: name.value })) edit("");
    } }, name, make("button", { type: "submit", class: "sdpo-button", text: text.save }), button(text.cancel, () => edit(""))));
    requestAnimationFrame(() => { name.focus(); name.select(); });
    return row;
  }
  const buttons = make("div", { class: "home-buttons" });
  if (!item.open && !item.archived) buttons.append(button(text.open, (event) => openProject(item, event.target), false));
  buttons.append(button(text.rename, () => edit(item.id)), button(text.export, (event) => exportProject(item, event.target)));
  if (item.archived) buttons.append(button(text.unarchive, () => act({ action: "unarchive", id: item.id })));
  else if (!item.open) buttons.append(button(text.archive, () => act({ action: "archive", id: item.id })));
  for (const one of buttons.children) one.setAttribute("aria-label", `${one.textContent}: ${item.name}`);
  row.append(make("div", { class: "home-project-text" },
    make("strong", { text: item.name }), item.open ? make("span", { class: "chip good", text: text.isOpen }) : null,
    make("span", { class: "home-facts", text: item.facts })), buttons);
  return row;
}

function edit(id) {
  editing = id;
  shownProjects = "";
  refresh();
}

function drawProjects(projects) {
  const now = JSON.stringify([projects, editing]);
  if (now === shownProjects) return; // nobody loses the button under a finger
  shownProjects = now;
  list.replaceChildren(...projects.filter((item) => !item.archived).map(project));
  const hidden = projects.filter((item) => item.archived);
  archived.hidden = hidden.length === 0;
  archived.open = archivedOpen;
  archivedName.textContent = fill(text.archived, { count: hidden.length });
  archivedList.replaceChildren(...hidden.map(project));
  root.dataset.projects = projects.length;
}

function drawNext(status) {
  const job = status.job?.running ? status.job : null;
  next.dataset.kind = status.next ? "step" : job ? "job" : "none";
  nextText.textContent = status.next?.text ?? (job ? fill(text.working, { name: window.sdpoJobNames?.[job.verb] ?? job.verb }) : text.allDone);
  const tab = status.next?.tab ?? (job ? { generate: "generate", download: "generate", import: "generate", measure: "train", train: "train", judge: "judge", grid: "judge" }[job.verb] : "");
  nextButton.hidden = !tab;
  nextButton.dataset.tab = tab ?? "";
  nextButton.textContent = status.next?.button ?? text.look;
  for (const one of stages.querySelectorAll(".home-stage")) one.classList.toggle("next", one.dataset.stage === stageOf(status.next?.tab));
}

function stageOf(tab) {
  return { generate: "candidates", vote: "votes", train: "runs", judge: "adapters", adapters: "adapters" }[tab];
}

async function refresh() {
  asked = Date.now();
  const reply = await ask("home");
  if (!reply?.stages) return; // the bar says what is wrong; with a later status it is asked again
  const stagesNow = JSON.stringify(reply.stages);
  if (stagesNow !== shownStages) stages.replaceChildren(...reply.stages.map(stage));
  shownStages = stagesNow;
  const stripNow = JSON.stringify(reply.machine);
  if (stripNow !== shownStrip) strip.replaceChildren(...reply.machine.map(meter));
  shownStrip = stripNow;
  if (!editing || shownProjects === "") drawProjects(reply.projects);
  if (window.sdpoStatus) drawNext(window.sdpoStatus);
  root.dataset.ready = "yes";
}

// ---------------------------------------------------------------------------------------------------------- actions

function say(sentence, kind = "plain", link = null) {
  said.hidden = !sentence;
  said.dataset.kind = kind;
  said.replaceChildren(make("span", { text: sentence }), ...(link ? [" ", make("a", { href: link, download: true, text: text.download })] : []));
}

async function act(message) {
  const reply = await ask("act", message);
  await heard(reply);
  return reply?.ok ? reply : null;
}

/** Tell what came of an action, and show what is so now. */
async function heard(reply) {
  say(reply ? reply.error ?? reply.sentence ?? "" : text.lost, reply?.ok ? "good" : "bad", reply?.download);
  await refresh();
}

function showNew(open) {
  newForm.hidden = !open;
  newButton.hidden = open;
  if (open) newName.focus();
  else newName.value = "";
}

async function makeProject(event) {
  event.preventDefault();
  if (await act({ action: "make", name: newName.value })) showNew(false);
}

async function openProject(item, pressed) {
  pressed.disabled = true;
  pressed.textContent = text.opening;
  const reply = await ask("act", { action: "open", id: item.id });
  // Now, not when the bar sees it: what is done until then would be lost. The bar loads the other open pages anew.
  if (reply?.ok) return window.location.reload();
  shownProjects = "";
  await heard(reply);
}

async function exportProject(item, pressed) {
  pressed.disabled = true;
  pressed.textContent = text.exporting;
  await act({ action: "export", id: item.id });
  shownProjects = "";
  await refresh();
}

function upload() {
  const chosen = file.files[0];
  file.value = "";
  if (!chosen) return;
  const request = new XMLHttpRequest(); // fetch can't tell how far an upload is
  importButton.disabled = true;
  request.upload.onprogress = (event) => say(fill(text.uploading, { percent: Math.round((100 * event.loaded) / event.total) }));
  request.upload.onload = () => say(text.checking);
  request.onloadend = async () => {
    importButton.disabled = false;
    let reply = null;
    try { reply = JSON.parse(request.responseText); } catch { /* no answer, or not ours */ }
    say(reply?.error ?? reply?.sentence ?? text.lost, reply?.ok ? "good" : "bad");
    await refresh();
  };
  request.open("POST", "/sdpo/project");
  request.setRequestHeader("X-File-Name", encodeURIComponent(chosen.name));
  request.send(chosen);
}

listen(window, "sdpo:status", (event) => {
  drawNext(event.detail);
  if (visible() && Date.now() - asked > AGAIN_MS) refresh();
});
refresh();
