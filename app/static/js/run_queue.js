// Runs that wait for their turn: which comes next, and what is taken out.

let shown = "";

const sentence = make("p", { class: "queue-sentence" });
const list = make("ol", { class: "queue-list", "aria-label": text.label });
const said = make("p", { class: "home-said", role: "alert", hidden: true });
root.replaceChildren(sentence, list, said);
root.hidden = true;

function button(label, name, item, disabled) {
  return make("button", { type: "button", class: "sdpo-button quiet", text: label, disabled, "aria-label": `${name}: ${item.title}`, title: name, onclick: () => act(name, item) });
}

function row(item, place, all) {
  return make("li", { "data-id": item.id }, make("span", { text: item.title }),
    make("div", { class: "home-buttons" },
      button("↑", text.up, item, place === 0), button("↓", text.down, item, place === all.length - 1), button(text.remove, text.remove, item, false)));
}

async function act(name, item) {
  const action = { [text.up]: "up", [text.down]: "down", [text.remove]: "remove" }[name];
  draw(await ask("act", { action, id: item.id }));
}

function draw(reply) {
  said.hidden = Boolean(reply?.ok);
  said.dataset.kind = "bad";
  if (!reply?.ok) {
    said.textContent = reply?.error ?? text.lost;
    return;
  }
  const now = JSON.stringify(reply.waiting);
  if (now === shown) return; // nobody loses the button under a finger
  shown = now;
  root.hidden = reply.waiting.length === 0;
  root.dataset.count = reply.waiting.length;
  sentence.textContent = reply.sentence;
  list.replaceChildren(...reply.waiting.map(row));
}

async function refresh() {
  const reply = await ask("queue");
  if (reply?.ok) draw(reply);
}

listen(window, "sdpo:status", () => { if (element.closest("[role=tabpanel]")?.getClientRects().length) refresh(); }); // hidden while empty
watch("value", refresh);
refresh();
