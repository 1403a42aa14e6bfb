// Nodes for ComfyUI: every ComfyUI of this machine with one button, and a field for one that was not found.

const list = make("ul", { class: "home-projects" });
const said = make("p", { class: "home-said", role: "status", hidden: true });
const folder = make("input", { type: "text", id: "comfy-folder", maxlength: 4000, "aria-label": text.other, placeholder: text.placeholder });
const form = make("form", { class: "home-form", onsubmit: (event) => { event.preventDefault(); act({ action: "install", folder: folder.value }); } },
  folder, make("button", { type: "submit", class: "sdpo-button quiet", text: text.install }));
root.replaceChildren(make("section", { class: "home-section", "aria-label": text.title },
  make("div", { class: "home-head" }, make("div", {}, make("h2", { text: text.title }), make("p", { text: text.about }))), list, form, said));

function row(item) {
  const label = item.installed ? text.remove : text.install;
  const button = make("button", { type: "button", class: "sdpo-button quiet", text: label, "aria-label": `${label}: ${item.folder}`,
    onclick: () => act({ action: item.installed ? "remove" : "install", id: item.id }) });
  return make("li", { class: "home-project", "data-installed": String(item.installed) },
    make("div", { class: "home-project-text" }, make("strong", { text: item.folder }),
      item.installed ? make("span", { class: "chip good", text: text.installed }) : null,
      item.problem ? make("span", { class: "home-facts", text: item.problem }) : null), button);
}

function draw(reply) {
  list.replaceChildren(...(reply.found.length ? reply.found.map(row) : [make("li", { class: "home-project" }, make("span", { class: "home-facts", text: text.none }))]));
  root.dataset.found = reply.found.length;
}

function say(sentence, kind) {
  said.hidden = !sentence;
  said.dataset.kind = kind;
  said.textContent = sentence;
}

async function act(message) {
  say(text.working, "plain");
  const reply = await ask("act", message);
  say(reply ? reply.error ?? reply.sentence : text.lost, reply?.ok ? "good" : "bad");
  if (reply?.found) { draw(reply); folder.value = ""; }
}

async function look() {
  const reply = await ask("look");
  if (reply?.found) draw(reply);
}

look();
