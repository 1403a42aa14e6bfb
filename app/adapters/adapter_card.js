// What a card says of its adapter, and the form that replaces it while somebody edits.

/** @import { Act, FileKind } from "./adapter_list.js" */
/** @import { ShownAdapter } from "./messages.js" */
/** @import { AdapterListText } from "./strings.js" */

import { button, fill, make } from "../ui/elements.js";
import { intervalBar } from "../ui/interval_bar.js";
import { at } from "../ui/page.js";
import { gainCurve } from "./gain_curve.js";

const COPIED_MS = 2500;

/**
 * @param {ShownAdapter} card
 * @param {AdapterListText} text
 * @param {HTMLElement} buttons
 */
export function body(card, text, buttons) {
  const { problem, warning, note } = card;
  const strength = card.strength === null ? "" : fill(text.strengthChip, { strength: card.strength });
  const fit = [card.fit, card.error].filter(Boolean).join(" ");
  return [
    make("p", { class: "card-chips" }, ...card.chips.map((one) => chip(one)), strength ? chip(strength, "good") : null),
    verdict(card),
    effect(card, text),
    problem ? make("p", { class: "card-problem", text: problem }) : null,
    warning ? make("p", { class: "card-note", text: warning }) : null,
    problem ? null : make("p", { class: "card-note card-fit", text: fit }),
    note ? make("p", { class: "card-own", text: note }) : null,
    downloads(card, text),
    where(card, text),
    buttons,
  ];
}

/** @param {string} words */
export function chip(words, kind = "") {
  return make("span", { class: `chip ${kind}`, text: words });
}

/** @param {ShownAdapter} card */
function verdict(card) {
  if (!card.verdict) return make("p", { class: "card-verdict", text: card.not_judged });
  const sentence = make("p", { class: "card-verdict", text: card.verdict.sentence });
  return make("div", { class: "card-judged" }, sentence, intervalBar(card.verdict));
}

/**
 * What was measured at several strengths, and what is predicted at the one that was kept.
 * @param {ShownAdapter} card
 * @param {AdapterListText} text
 */
function effect(card, text) {
  if (!card.effect) return null;
  const { predicted, strength, curve } = card.effect;
  return make(
    "figure",
    { class: "card-effect" },
    predicted ? make("p", { class: "card-predicted", text: predicted }) : null,
    curve ? gainCurve(curve, text) : null,
    make("figcaption", { class: "card-note", text: strength }),
  );
}

/**
 * @param {ShownAdapter} card
 * @param {AdapterListText} text
 */
function downloads(card, text) {
  const files = /** @type {[FileKind, string][]} */ (Object.entries(card.files));
  if (!files.length) return null;
  const links = files.map(([kind, address]) => {
    const about = { href: at(address), download: true, "data-file": kind, text: text[`file.${kind}`] };
    return make("li", {}, make("a", about), make("span", { text: text[`fileHint.${kind}`] }));
  });
  const summary = make("summary", { text: text.download });
  return make("details", { class: "card-more" }, summary, make("ul", {}, ...links));
}

/**
 * @param {ShownAdapter} card
 * @param {AdapterListText} text
 */
function where(card, text) {
  /** @param {HTMLButtonElement} pressed */
  const copy = async (pressed) => {
    try {
      await navigator.clipboard.writeText(card.path);
      pressed.textContent = text.copied;
    } catch {
      pressed.textContent = text.copyFailed;
    }
    setTimeout(() => {
      pressed.textContent = text.copy;
    }, COPIED_MS);
  };
  const summary = make("summary", { text: text.path });
  const path = make("code", { class: "card-path", text: card.path });
  return make("details", { class: "card-more" }, summary, path, button(text.copy, copy));
}

/**
 * A place in a form for why it was refused: there the person looks.
 * @param {string} id
 */
export function problemLine(id) {
  return make("p", { class: "form-problem", id, role: "alert", hidden: true });
}

/**
 * @param {ShownAdapter} card
 * @param {AdapterListText} text
 * @param {{act: Act, close: () => void}} does
 */
export function cardForm(card, text, { act, close }) {
  const line = { type: "text", maxlength: 80 };
  const name = make("input", { name: "name", ...line });
  const strength = make("input", { name: "strength", ...line });
  const note = make("textarea", { name: "note", rows: 3, maxlength: 2000 });
  name.value = card.name;
  strength.value = String(card.strength ?? "");
  note.value = card.note;
  const problem = problemLine("card-problem");
  /** @param {SubmitEvent} event */
  const onsubmit = async (event) => {
    event.preventDefault();
    const written = { name: name.value, strength: strength.value, note: note.value };
    if (await act({ action: "edit", id: card.id, ...written }, event.submitter, problem)) close();
  };
  requestAnimationFrame(() => name.focus());
  const save = make("button", { type: "submit", class: "sdpo-button", text: text.save });
  return make(
    "form",
    { class: "card-form", onsubmit },
    field(text.editName, name),
    field(text.editStrength, strength, text.editStrengthHint),
    field(text.editNote, note),
    problem,
    make("div", { class: "home-buttons" }, save, button(text.cancel, close)),
  );
}

/**
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} [hint]
 */
function field(label, input, hint) {
  const below = hint ? make("span", { class: "card-hint", text: hint }) : null;
  return make("label", { class: "card-field" }, make("span", { text: label }), input, below);
}
