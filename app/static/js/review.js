// All votes, newest first. A change is a new vote on the pair, a deletion takes its vote back; both go out through the
// outbox, so nothing is lost here either.

let cards = [];
let cursor = null; // the oldest vote that was loaded, as it was named then
let total = 0;
let more = false;
let loading = false;
let generation = 0;
let timer = 0;

const search = make("input", { type: "search", maxlength: 2000, oninput: later });
const only = make("select", { onchange: reload },
  make("option", { value: "", text: text.anyChoice }),
  ...given.choices.map((choice) => make("option", { value: choice, text: text[choice] })),
  make("option", { value: "much-better", text: text.muchBetter }),
  make("option", { value: "unsteady", text: text.unsteady }));
const since = make("input", { type: "date", onchange: reload });
const until = make("input", { type: "date", onchange: reload });
const clear = make("button", { type: "button", class: "board-button", text: text.clear, onclick: () => {
  for (const field of [search, only, since, until]) field.value = "";
  reload();
} });
const found = make("span", { class: "review-found", role: "status" });
const badge = make("span", { class: "board-unsaved", role: "status", title: text.unsavedHint, hidden: true });
const said = make("span", { class: "board-said", "aria-live": "polite" });
const grid = make("ul", { class: "review-cards", "aria-label": text.label });
const none = make("p", { class: "sdpo-empty", hidden: true });
const moreButton = make("button", { type: "button", class: "sdpo-button quiet", text: text.more, onclick: load });
root.replaceChildren(
  make("div", { class: "review-filters" }, ...[[text.search, search], [text.filterChoice, only], [text.since, since],
    [text.until, until]].map(([label, field]) => make("label", {}, make("span", { text: label }), field)), clear),
  make("div", { class: "review-line" }, found, badge, said), grid, none, moreButton,
);

// --- loading -------------------------------------------------------------------------------------------------------

function wanted() {
  const choice = given.choices.includes(only.value) ? only.value : "";
  const day = (field, days) => {
    if (!field.value) return null;
    const [year, month, date] = field.value.split("-").map(Number);
    return new Date(year, month - 1, date + days).toISOString(); // a day as this person's clock has it
  };
  return { prompt: search.value, choice, only: choice ? "" : only.value, since: day(since, 0), until: day(until, 1) };
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(reload, 250);
}

function reload() {
  generation += 1;
  cursor = null;
  load();
}

async function load() {
  if (root.hidden) return;
  const mine = generation;
  loading = true;
  const reply = await ask("look_up", { ...wanted(), before: cursor });
  if (mine !== generation) return;
  loading = false;
  if (!reply) {
    setTimeout(() => { if (mine === generation) load(); }, 1500);
    return;
  }
  if (!reply.ok) said.textContent = reply.error;
  else {
    if (!cursor) {
      cards = [];
      grid.replaceChildren();
    }
    for (const vote of reply.votes) add(vote);
    cursor = reply.votes.at(-1)?.uuid ?? cursor;
    [total, more] = [reply.total, reply.more];
  }
  draw();
}

function draw() {
  root.hidden = voteMode() !== "review";
  found.textContent = total === 1 ? text.foundOne : fill(text.found, { n: total.toLocaleString() });
  const filtered = Object.values(wanted()).some(Boolean);
  clear.hidden = !filtered;
  none.hidden = loading || cards.length > 0;
  none.textContent = filtered ? text.none : text.noneYet;
  moreButton.hidden = !more;
  root.dataset.votes = cards.length;
  drawState();
}

function drawState() {
  showUnsaved(badge, outbox);
  root.dataset.pending = outbox.pending.length;
}

// --- cards ---------------------------------------------------------------------------------------------------------

function add(vote) {
  const sides = ["left", "right"].map((side, i) => thumb(vote, side, i));
  const choice = make("select", { "aria-label": text.change, onchange: () => change(card, choice.value) },
    ...given.choices.map((name) => make("option", { value: name, text: text[name] })));
  const strong = make("button", {
    type: "button", class: "board-button", text: text.strong, onclick: () => cast(card, vote.choice, 3 - vote.strength),
  });
  const remove = make("button", { type: "button", class: "board-button", onclick: () => (vote.gone ? restore(card) : take(card)) });
  const facts = [vote.when, vote.ranked ? text.ranked : "", vote.again ? fill(text.again, { choice: text[vote.again] }) : ""];
  const card = { vote, sides, choice, strong, remove };
  card.node = make("li", { class: "review-card" }, make("div", { class: "review-images" }, ...sides),
    make("p", { class: "review-prompt", text: vote.prompt, title: vote.prompt }),
    make("p", { class: "review-facts", text: facts.filter(Boolean).join(" · ") }),
    make("div", { class: "review-buttons" }, choice, strong, remove));
  cards.push(card);
  grid.append(card.node);
  drawCard(card);
}

function thumb(vote, side, i) {
  const image = make("img", { src: `/sdpo/image/${vote.images[i]}`, alt: "", loading: "lazy" });
  const button = make("button", {
    type: "button",
    "aria-label": fill(text[i === 0 ? "asLeft" : "asRight"], vote),
    onclick: () => change(cards.find((card) => card.vote === vote), side),
  }, image);
  image.addEventListener("error", () => image.replaceWith(make("span", { class: "grid-gone", text: text.goneImage })));
  return button;
}

function drawCard({ node, vote, sides, choice, strong, remove }) {
  node.classList.toggle("gone", Boolean(vote.gone));
  node.dataset.choice = vote.gone ? "" : vote.choice;
  node.dataset.pair = vote.pair;
  sides.forEach((button, i) => button.setAttribute("aria-pressed", !vote.gone && vote.choice === ["left", "right"][i]));
  choice.value = vote.choice;
  choice.disabled = Boolean(vote.gone);
  strong.hidden = vote.gone || !["left", "right"].includes(vote.choice);
  strong.setAttribute("aria-pressed", vote.strength === 2);
  remove.textContent = vote.gone ? text.restore : text.delete;
}

// --- changing ------------------------------------------------------------------------------------------------------

function change(card, choice) {
  if (!card.vote.gone && choice === card.vote.choice) return;
  cast(card, choice, 1);
  said.textContent = text.changed;
}

function cast(card, choice, strength) {
  const { vote } = card;
  Object.assign(vote, { uuid: crypto.randomUUID(), choice, strength, gone: false });
  const { uuid, pair, images } = vote;
  outbox.send({ kind: "vote", uuid, pair, images, choice, strength });
  drawCard(card);
}

function take(card) {
  card.vote.gone = true;
  outbox.send({ kind: "undo", uuid: crypto.randomUUID(), vote: card.vote.uuid });
  said.textContent = text.deleted;
  drawCard(card);
}

function restore(card) {
  cast(card, card.vote.choice, card.vote.strength);
  said.textContent = text.restored;
}

const outbox = makeOutbox("review", {
  state: drawState,
  said: (sentence) => { said.textContent = sentence; },
  saved: (op, reply) => { if (!reply.ok) reload(); }, // it was changed elsewhere: show how it is
  idle: () => {},
});

listen(window, "sdpo:mode", () => { draw(); reload(); });
setInterval(() => { if (outbox.pending.length || !badge.hidden) drawState(); }, 250);
draw();
outbox.flush().then(reload);
