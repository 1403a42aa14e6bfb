// The panel "On your phone": closed it is one button, open it shows what to scan or type.

const AGAIN_MS = 8000;

let asked = 0;
let shown = "";

const body = make("div", { class: "phone-body" });
const said = make("p", { class: "phone-said", role: "status", hidden: true });
root.replaceChildren(make("section", { class: "home-section", "aria-label": text.title }, make("h2", { text: text.title }), body, said));

function closed(state) {
  const address = make("select", { id: "phone-address", "aria-label": text.address },
    ...state.addresses.map((one) => make("option", { value: one, text: one })));
  const open = make("button", { type: "button", class: "sdpo-button quiet", id: "phone-open", text: text.open, onclick: () => {
    open.disabled = true;
    open.textContent = text.opening;
    turn({ on: true, address: address.value });
  } });
  return [make("p", { text: text.about }), make("div", { class: "home-buttons" }, open, state.addresses.length > 1 ? address : null)];
}

function opened(door) {
  return [
    make("div", { class: "phone-open" },
      make("img", { class: "phone-code", src: door.code, alt: text.codeAlt }),
      make("div", { class: "phone-facts" },
        make("p", { text: text.scan }),
        make("dl", {}, make("dt", { text: text.url }), make("dd", { id: "phone-url", text: door.url }),
          make("dt", { text: text.password }), make("dd", { id: "phone-password", text: door.password })),
        make("p", { class: "phone-careful", text: text.careful }),
        make("button", { type: "button", class: "sdpo-button quiet", id: "phone-close", text: text.close, onclick: () => turn({ on: false }) }))),
  ];
}

function draw(state) {
  const now = JSON.stringify(state);
  if (now === shown) return;
  shown = now;
  body.replaceChildren(...(state.door ? opened(state.door) : closed(state)));
  root.dataset.open = String(Boolean(state.door));
}

async function turn(message) {
  const reply = await ask("turn", message);
  said.textContent = reply ? reply.error ?? "" : text.lost;
  said.hidden = !said.textContent;
  shown = "";
  if (reply?.addresses) draw(reply);
  else await look();
}

async function look() {
  asked = Date.now();
  const reply = await ask("look");
  if (reply) draw({ ...reply, error: undefined });
}

listen(window, "sdpo:status", () => { if (visible() && Date.now() - asked > AGAIN_MS) look(); });
look();
