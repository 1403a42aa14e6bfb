// Making elements. What a person wrote goes through `text`, and text never becomes HTML.

/**
 * @typedef {string | number | boolean | null | undefined} Scalar
 * @typedef {{
 *   onclick?: (event: MouseEvent) => unknown,
 *   onchange?: (event: Event) => unknown,
 *   oninput?: (event: Event) => unknown,
 *   ontoggle?: (event: Event) => unknown,
 *   onsubmit?: (event: SubmitEvent) => unknown,
 *   [name: string]: Scalar | ((event: never) => unknown),
 * }} Attributes
 * @typedef {Node | string | null | undefined} Child
 */

/**
 * Make an element: make("button", {class: "x", onclick: f, text: "Stop"}, child, ...). `true` is an attribute without
 * a value; what is false, null or undefined is left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = String(value);
    else if (typeof value === "function") node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * A button; what is done when it is pressed gets the button.
 * @param {string} text
 * @param {(pressed: HTMLButtonElement) => unknown} onclick
 * @param {Attributes} [more]
 */
export function button(text, onclick, more = {}) {
  const node = make("button", { type: "button", class: "sdpo-button quiet", text, ...more });
  node.addEventListener("click", () => onclick(node));
  return node;
}

/**
 * Fill "{n} of {total}".
 * @param {string} template
 * @param {object} values
 */
export function fill(template, values) {
  const known = new Map(Object.entries(values));
  return template.replace(/\{(\w+)\}/g, (whole, name) => String(known.get(name) ?? whole));
}

/**
 * Fill the form of a row that fits the number `n` in the page's language: `key.one`, `key.other`.
 * @template {string} Key
 * @param {{[form in `${Key}.other`]: string}} text
 * @param {Key} key
 * @param {number} n
 * @param {object} [values]
 */
export function count(text, key, n, values = {}) {
  const form = new Intl.PluralRules(document.documentElement.lang || "en").select(n);
  const rows = new Map(Object.entries(text));
  return fill(rows.get(`${key}.${form}`) ?? text[`${key}.other`], { ...values, n: n.toLocaleString() });
}

/** @typedef {"plain" | "good" | "bad"} Kind */

/** A line that says what became of something; hidden while there is nothing to say. */
export function makeSaid(role = "status") {
  const node = make("p", { class: "home-said", role, hidden: true });

  /**
   * @param {string} sentence
   * @param {Kind} [kind]
   * @param {...Child} more
   */
  function say(sentence, kind = "plain", ...more) {
    node.hidden = !sentence;
    node.dataset.kind = kind;
    node.replaceChildren(sentence, ...more.filter((child) => child !== null && child !== undefined));
  }

  return { node, say };
}

/**
 * Let files be dropped on an element.
 * @param {HTMLElement} zone
 * @param {(dropped: DataTransfer) => unknown} take
 */
export function takeDrops(zone, take) {
  for (const kind of /** @type {const} */ (["dragenter", "dragover"])) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const kind of /** @type {const} */ (["dragleave", "drop"])) {
    zone.addEventListener(kind, () => zone.classList.remove("over"));
  }
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer) take(event.dataTransfer);
  });
}

/**
 * A labelled section with a heading.
 * @param {string} title
 * @param {string | null} hint
 * @param {...Child} content
 */
export function section(title, hint, ...content) {
  return make(
    "section",
    { class: "home-section", "aria-label": title },
    make("div", { class: "home-head" }, heading(title, hint)),
    ...content,
  );
}

/**
 * @param {string} title
 * @param {string | null} hint
 * @param {Attributes} [more]
 */
export function heading(title, hint, more = {}) {
  return make("div", {}, make("h2", { text: title, ...more }), hint ? make("p", { text: hint }) : null);
}
