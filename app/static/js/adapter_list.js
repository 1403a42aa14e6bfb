// One card per adapter.

function chip(value) {
  return value ? make("span", { class: "chip", text: value }) : null;
}

function picture(card) {
  if (!card.preview) return make("div", { class: "card-picture none", text: text.noPreview });
  return make("img", { class: "card-picture", src: card.preview, alt: "" });
}

function copyButton(card) {
  const button = make("button", { type: "button", class: "sdpo-button quiet", text: text.copy, onclick: async () => {
    try {
      await navigator.clipboard.writeText(card.path);
      button.textContent = text.copied;
    } catch {
      button.textContent = text.copyFailed;
    }
    setTimeout(() => { button.textContent = text.copy; }, 2500);
  } });
  return button;
}

function item(card) {
  const download = make("a", { class: "sdpo-button", href: card.download, download: true, text: text.download });
  return make("li", { class: "card", "data-adapter": card.name },
    picture(card),
    make("div", { class: "card-body" },
      make("h3", { text: card.name }),
      make("p", { class: "card-chips" }, chip(card.base), chip(card.trained_on), chip(card.made)),
      make("p", { class: "card-verdict", text: card.verdict }),
      card.problem ? make("p", { class: "card-problem", text: card.problem }) : null,
      card.note ? make("p", { class: "card-note", text: card.note }) : null,
      make("code", { class: "card-path", text: card.path }),
      make("div", { class: "card-buttons" }, copyButton(card), card.problem ? null : download)));
}

function draw() {
  const cards = JSON.parse(props.value || "[]");
  root.dataset.count = cards.length;
  if (cards.length === 0) {
    root.replaceChildren(make("div", { class: "board-empty" },
      make("p", { class: "board-empty-title", text: text.empty }), make("p", { class: "board-empty-hint", text: text.emptyHint })));
    return;
  }
  root.replaceChildren(make("ul", { class: "cards", "aria-label": text.label }, ...cards.map(item)));
}

watch("value", draw);
draw();
