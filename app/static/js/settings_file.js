// A file of settings, chosen or dropped. It is read here and handed on as text; the file itself goes nowhere.

const input = make("input", {
  type: "file", accept: ".toml,.txt", class: "visually-hidden", tabindex: -1, "aria-label": text.choose, onchange: () => take(input.files[0]),
});
const said = make("p", { class: "form-problem", role: "alert", hidden: true });
const zone = make("div", { class: "import-zone low" },
  make("button", { type: "button", class: "sdpo-button quiet", text: text.choose, onclick: () => input.click() }),
  make("span", { text: text.drop }), input);
root.replaceChildren(zone, said);

for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
zone.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});

async function take(file) {
  input.value = ""; // the same file may be chosen again
  if (!file) return;
  let problem = file.size > given.most_bytes ? fill(text.tooLarge, { name: file.name }) : "";
  if (!problem) {
    try {
      props.value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch {
      problem = fill(text.noText, { name: file.name });
    }
  }
  said.hidden = !problem;
  said.textContent = problem;
  if (!problem) trigger("chosen");
}
