// The verdict of a blind test: a sentence, the share with its interval, every prompt, every round, every comparison,
// and whether its votes train. Whatever is drawn also stands there in words.

/** The share with its interval on a bar from 0 to 100 %; `words` say the same. */
function intervalBar(share, words) {
  const bar = make("div", { class: "verdict-bar", role: "img", "aria-label": words },
    make("span", { class: "verdict-middle" }), make("span", { class: "verdict-range" }), make("span", { class: "verdict-point" }));
  const [, range, point] = bar.children;
  range.style.left = `${100 * share.low}%`;
  range.style.width = `${100 * (share.high - share.low)}%`;
  point.style.left = `${100 * share.win_rate}%`;
  return bar;
}

function scale() {
  return make("div", { class: "verdict-scale", "aria-hidden": "true" },
    make("span", { text: text.base }), make("span", { text: text.even }), make("span", { text: text.adapter }));
}

/** A table whose last column is drawn and told. */
const SHOWN_PROMPTS = 8;

function table(title, hint, columns, rows) {
  return make("section", { class: "verdict-part" },
    make("h4", { text: title }), make("p", { class: "verdict-hint", text: hint }),
    make("table", { class: "verdict-table", "aria-label": title },
      make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col", text: name })))),
      make("tbody", {}, ...rows)));
}

function promptRow(item) {
  const marks = make("span", { class: "verdict-marks", "aria-hidden": "true" });
  for (const place of ["loss", "tie", "win"]) {
    const some = item.marks.filter((mark) => mark === place);
    marks.append(make("span", { class: "verdict-place" }, ...some.map(() => make("i", { class: `mark-${place}` }))));
  }
  const said = item.marks.map((mark) => text.marks[mark]).join(", ");
  return make("tr", {}, make("th", { scope: "row", text: item.prompt }),
    make("td", {}, make("span", { class: "verdict-cell" }, marks, make("span", { class: "verdict-score", text: item.score }),
      make("span", { class: "visually-hidden", text: `: ${said}` }))));
}

function roundRow(item) {
  return make("tr", { class: item.now ? "now" : null, "aria-current": item.now ? "true" : null }, make("th", { scope: "row", text: item.name }),
    make("td", {}, make("span", { class: "verdict-cell" }, intervalBar(item, item.plot), make("span", { class: "verdict-score", text: item.score }))));
}

function side(item, name, label) {
  const chosen = item.outcome === (name === "adapter" ? "win" : "loss");
  const image = make("img", { src: `/sdpo/image/${item[name]}`, alt: `${label}: ${item.prompt}`, loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(make("span", { class: "grid-gone", text: text.goneImage })));
  return make("figure", { class: chosen ? "chosen" : null }, image,
    make("figcaption", { text: chosen ? `${label}: ${text.chosen}` : label }));
}

function comparison(item) {
  return make("li", {}, make("div", { class: "verdict-sides" }, side(item, "base", text.baseImage), side(item, "adapter", text.adapterImage)),
    make("p", { text: item.outcome === "tie" ? `${item.prompt} (${text.equal})` : item.prompt }));
}

function comparisons(items) {
  const list = make("ul", { class: "verdict-images" });
  const details = make("details", { class: "verdict-details", ontoggle: () => {
    if (details.open && !list.children.length) list.append(...items.map(comparison)); // images only when somebody looks
  } }, make("summary", { text: text.images }), list);
  return details;
}

/** Many prompts would push away what comes after; they wait behind their title. */
function byPrompt(prompts) {
  const rows = table(text.prompts, text.promptsHint, [text.promptColumn, text.resultColumn], prompts.map(promptRow));
  if (prompts.length <= SHOWN_PROMPTS) return rows;
  return make("details", { class: "verdict-details" }, make("summary", { text: `${text.prompts} (${prompts.length})` }), rows);
}

function training(verdict) {
  const sentence = make("p", { text: verdict.trainsSentence, role: "status" });
  const button = make("button", { type: "button", class: "sdpo-button quiet", "data-trains": String(verdict.trains), text: verdict.trains ? text.takeBack : text.let });
  button.addEventListener("click", async () => {
    button.disabled = true;
    const reply = await ask("let_train", { run: verdict.run, trains: button.dataset.trains !== "true" });
    button.disabled = false;
    sentence.textContent = reply?.ok ? reply.trainsSentence : reply?.error ?? text.lost;
    if (!reply?.ok) return;
    button.dataset.trains = String(reply.trains);
    button.textContent = reply.trains ? text.takeBack : text.let;
  });
  return make("section", { class: "verdict-part verdict-train" }, make("h4", { text: text.trainTitle }), sentence, button);
}

let drawn = "";

function draw() {
  if ((props.value ?? "") === drawn && root.children.length) return; // what was opened stays open
  drawn = props.value ?? "";
  const verdict = drawn ? JSON.parse(drawn) : null;
  root.hidden = !verdict;
  root.dataset.ready = Boolean(verdict);
  if (!verdict) return root.replaceChildren();
  root.replaceChildren(
    make("h3", { text: text.title }),
    make("p", { class: "verdict-sentence", text: verdict.sentence }),
    intervalBar(verdict, verdict.plot), scale(),
    make("p", { class: "verdict-counts", text: `${verdict.counts} · ${verdict.interval}` }),
    ...(verdict.rounds.length > 1 ? [table(text.rounds, text.roundsHint, [text.roundColumn, text.resultColumn], verdict.rounds.map(roundRow))] : []),
    byPrompt(verdict.prompts),
    comparisons(verdict.comparisons),
    training(verdict));
}

watch("value", draw);
draw();
