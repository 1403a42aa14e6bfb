// What the votes say: in words, in images, and the pairs that the model of the taste is unsure about. It is folded away
// until somebody opens it, and nothing is fitted before.

const OPEN = "sdpo.says";
const SOON_MS = 700; // while the votes are looked at
const NEWER = 10; // votes after which it looks again by itself

let asking = false;
let shown = "";
let looked = -1; // how many votes there were when it looked
let voted = 0;
let seen = false;

const looking = make("p", { class: "says-looking", role: "status", hidden: true, text: text.looking });
const said = make("p", { class: "home-said", role: "status", hidden: true });
const body = make("div", { class: "says-body" });
const box = make("details", { class: "says", open: remembered(OPEN) === "open", ontoggle: toggled },
  make("summary", {}, make("h2", { text: text.title }), make("span", { text: text.hint })), looking, said, body);
root.replaceChildren(box);

// --- asking --------------------------------------------------------------------------------------------------------

function toggled() {
  remember(OPEN, box.open ? "open" : "closed");
  look();
}

async function look() {
  if (asking || !box.open || !visible()) return;
  asking = true;
  if (!shown) looking.hidden = false;
  const before = voted;
  const reply = await ask("look");
  asking = false;
  looking.hidden = !reply?.looking;
  root.dataset.looking = Boolean(reply?.looking);
  if (!reply?.ok) return say(reply?.error ?? text.lost);
  say("");
  looked = before;
  if (reply.sentences) draw(reply);
  if (reply.looking) setTimeout(look, SOON_MS);
}

function say(sentence) {
  said.hidden = !sentence;
  said.dataset.kind = "bad";
  said.textContent = sentence;
}

/** The board shows these pairs next. */
async function askFirst(pairs, pressed) {
  pressed.disabled = true;
  const reply = await ask("ask_first", { pairs: pairs.map(({ candidates, images }) => ({ candidates, images })) });
  pressed.disabled = false;
  if (!reply?.ok) return say(reply?.error ?? text.lost);
  remember("sdpo.mode", "pairs");
  window.dispatchEvent(new CustomEvent("sdpo:mode", { detail: { said: reply.sentence } }));
  document.getElementById("vote-modes")?.scrollIntoView({ block: "start" });
}

// --- showing -------------------------------------------------------------------------------------------------------

function draw(reply) {
  const now = JSON.stringify(reply.sentences) + JSON.stringify([reply.most, reply.least, reply.prompts, reply.unsure]);
  if (now === shown) return; // nobody loses the button under a finger
  shown = now;
  root.dataset.unsure = reply.unsure.length;
  body.replaceChildren(...[
    make("div", { class: "says-words" }, ...reply.sentences.map((sentence) => make("p", { text: sentence }))),
    reply.unsure.length ? doubts(reply) : null,
    reply.most.length ? make("section", { class: "says-ends" }, row(text.most, reply.most), row(text.least, reply.least)) : null,
    agreements(reply),
  ].filter(Boolean));
}

function thumb(sha256, alt) {
  const image = Object.assign(make("img", { src: `/sdpo/image/${sha256}`, loading: "lazy" }), { alt });
  image.addEventListener("error", () => image.replaceWith(make("span", { class: "grid-gone", text: text.gone })));
  return image;
}

function row(title, images) {
  return make("div", {}, make("h3", { text: title }),
    make("ul", { class: "says-images" }, ...images.map((one) => make("li", { title: one.prompt }, thumb(one.sha256, one.prompt)))));
}

function doubts(reply) {
  const press = make("button", {
    type: "button", class: "sdpo-button says-press", text: reply.press, onclick: () => askFirst(reply.unsure, press),
  });
  const pairs = reply.unsure.map((one) => make("li", { title: one.prompt },
    ...one.images.map((sha256, i) => thumb(sha256, i ? "" : fill(text.pair, one)))));
  return make("section", { class: "says-unsure" },
    make("div", {}, make("div", {}, make("h3", { text: text.unsure }), make("p", { text: text.unsureHint })), press),
    make("ul", { class: "says-pairs" }, ...pairs));
}

function agreements(reply) {
  if (!reply.prompts.length) return reply.promptsNote ? make("p", { class: "says-note", text: reply.promptsNote }) : null;
  const rows = reply.prompts.flatMap((one) => [make("dt", { text: one.prompt }), make("dd", { text: one.sentence })]);
  return make("section", {}, make("h3", { text: text.prompts }), make("p", { class: "says-note", text: text.promptsHint }),
    make("dl", { class: "says-prompts" }, ...rows));
}

// --- events --------------------------------------------------------------------------------------------------------

listen(window, "sdpo:status", ({ detail }) => {
  voted = detail.counts.pairs - detail.counts.open;
  const opened = visible() && !seen;
  seen = visible();
  if (opened || (seen && Math.abs(voted - looked) >= NEWER)) look();
});
look();
