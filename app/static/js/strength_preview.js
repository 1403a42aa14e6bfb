// Beside a slider: the image of a grid that is nearest to the slider's strength, and the base model's; or a button that
// draws such a grid.

let shown = null;

function image(cell, label) {
  const picture = make("img", { src: cell.address, alt: `${label}: ${shown.prompt}`, loading: "lazy" });
  picture.addEventListener("error", () => picture.replaceWith(make("span", { class: "grid-gone", text: text.gone })));
  return make("figure", {}, picture, make("figcaption", { text: label }));
}

function offer() {
  const button = make("button", { class: "sdpo-button quiet", type: "button", text: text.draw });
  const note = make("p", { role: "status", text: shown.waits ? text.waits : text.none });
  button.disabled = shown.waits;
  button.addEventListener("click", async () => {
    button.disabled = true;
    const answer = await ask("draw", { adapter: shown.adapter });
    note.textContent = answer ? answer.sentence ?? answer.error : text.lost;
    button.disabled = Boolean(answer?.ok);
  });
  return [note, button];
}

function show(value) {
  shown = value ? JSON.parse(value) : null;
  root.replaceChildren();
  if (!shown) return;
  if (!shown.cell) return root.append(...offer());
  root.append(make("div", { class: "preview-pair" },
    shown.base ? image(shown.base, text.base) : null,
    image(shown.cell, fill(text.at, { strength: shown.cell.strength }))),
  make("p", { text: fill(text.from, { prompt: shown.prompt }) }));
}

watch("value", () => show(props.value));
show(props.value);
