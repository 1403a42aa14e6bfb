// The panel "On your phone": closed it is one button, open it shows what to scan or type.

/** @import { Host } from "../ui/widget.js" */
/** @import { DoorState, DoorWish, OpenDoor, PhoneServer } from "./messages.js" */
/** @import { PhoneText } from "./strings.js" */

import { button, make } from "../ui/elements.js";
import { Widget } from "../ui/widget.js";

const AGAIN_MS = 8000;

/** @param {Host<PhoneText, PhoneServer>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text } = widget;
  let asked = 0;
  let shown = "";
  const body = make("div", { class: "phone-body" });
  const said = make("p", { class: "phone-said", role: "status", hidden: true });
  const title = make("h2", { text: text.title });
  root.replaceChildren(make("section", { class: "home-section", "aria-label": text.title }, title, body, said));

  /** @param {string[]} addresses */
  function closed(addresses) {
    const choices = addresses.map((one) => make("option", { value: one, text: one }));
    const address = make("select", { id: "phone-address", "aria-label": text.address }, ...choices);
    /** @param {HTMLButtonElement} pressed */
    const open = (pressed) => {
      pressed.disabled = true;
      pressed.textContent = text.opening;
      turn({ on: true, address: address.value });
    };
    const opener = button(text.open, open, { id: "phone-open" });
    const buttons = make("div", { class: "home-buttons" }, opener, addresses.length > 1 ? address : null);
    return [make("p", { text: text.about }), buttons];
  }

  /** @param {OpenDoor} door */
  function opened(door) {
    const facts = make(
      "dl",
      {},
      make("dt", { text: text.url }),
      make("dd", { id: "phone-url", text: door.url }),
      make("dt", { text: text.password }),
      make("dd", { id: "phone-password", text: door.password }),
    );
    const about = make(
      "div",
      { class: "phone-facts" },
      make("p", { text: text.scan }),
      facts,
      make("p", { class: "phone-careful", text: text.careful }),
      button(text.close, () => turn({ on: false }), { id: "phone-close" }),
    );
    return [
      make(
        "div",
        { class: "phone-open" },
        make("img", { class: "phone-code", src: door.code, alt: text.codeAlt }),
        about,
      ),
    ];
  }

  /** @param {DoorState} state */
  function draw({ addresses, door }) {
    const now = JSON.stringify([addresses, door]);
    if (now === shown) return;
    shown = now;
    body.replaceChildren(...(door ? opened(door) : closed(addresses)));
    root.dataset.open = String(Boolean(door));
  }

  /** @param {DoorWish} message */
  async function turn(message) {
    const reply = await widget.ask("turn", message);
    said.textContent = reply ? (reply.error ?? "") : text.lost;
    said.hidden = !said.textContent;
    shown = "";
    if (reply?.ok) draw(reply);
    else await look();
  }

  async function look() {
    asked = Date.now();
    const reply = await widget.ask("look");
    if (reply?.ok) draw(reply);
  }

  widget.onWindow("sdpo:status", () => {
    if (widget.visible() && Date.now() - asked > AGAIN_MS) look();
  });
  look();
}
