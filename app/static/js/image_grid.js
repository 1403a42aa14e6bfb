// The newest images; it grows while a job draws. A click shows one large.

let shown = "";
let known = -1;

const grid = make("div", { class: "grid-images", role: "list", "aria-label": text.label });
const empty = make("p", { class: "sdpo-empty", text: text.empty });
const large = make("img", { alt: "" });
const caption = make("p");
const dialog = make("dialog", { class: "grid-dialog", onclick: () => dialog.close() },
  make("button", { type: "button", class: "sdpo-button quiet", text: text.close }), large, caption);
root.replaceChildren(grid, empty, dialog);

function tile(item) {
  const image = make("img", { src: `/sdpo/image/${item.sha256}`, alt: item.prompt, loading: "lazy", title: item.prompt });
  image.addEventListener("error", () => image.replaceWith(make("span", { class: "grid-gone", text: text.gone })));
  return make("div", { role: "listitem" },
    make("button", { type: "button", onclick: () => open(item), "aria-label": item.prompt }, image));
}

function open(item) {
  large.src = `/sdpo/image/${item.sha256}`;
  large.alt = item.prompt;
  caption.textContent = item.prompt;
  dialog.showModal();
}

async function refresh() {
  const reply = await ask("newest");
  if (!reply?.images) {
    known = -1; // with the next status it is tried again
    return;
  }
  const now = reply.images.map((item) => item.sha256).join();
  if (now !== shown) {
    const kept = new Map([...grid.children].map((node) => [node.dataset.sha256, node]));
    grid.replaceChildren(...reply.images.map((item) => {
      const node = kept.get(item.sha256) ?? tile(item);
      node.dataset.sha256 = item.sha256;
      return node;
    }));
    shown = now;
  }
  empty.hidden = reply.images.length > 0;
  root.dataset.count = reply.images.length;
}

listen(window, "sdpo:status", (event) => {
  if (event.detail.counts.candidates === known || !visible()) return;
  known = event.detail.counts.candidates;
  refresh();
});
refresh();
