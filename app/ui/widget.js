// What every widget's module starts from. A module exports `mount(host)`, which widget.py calls once for each widget;
// what belongs to one widget lives in what `mount` makes, because several widgets may share a module.

import { make } from "./elements.js";
import { during } from "./page.js";

/**
 * What `mount` gets: the first five as Gradio hands them in, the others as Python gives them.
 *
 * A value may change before the module has arrived. `props` then holds the newest one, so a widget paints what is in
 * `props` when it is mounted, and from then on whatever `watch` reports.
 * @template Text
 * @template Server
 * @template [Given=object]
 * @typedef {object} Host
 * @property {HTMLElement} element
 * @property {{value: string}} props
 * @property {(name: "value", changed: () => unknown) => void} watch
 * @property {(event: string, data?: object) => void} trigger
 * @property {Server} server functions of Python
 * @property {Text} text strings
 * @property {Given & Placed} given
 */

/** @typedef {{elem_id: string, role: string}} Placed */

/**
 * A server function. It resolves to undefined when the network or the server fails.
 * @template Message
 * @template Answer
 * @typedef {(message: Message) => Promise<Answer | undefined>} Call
 */

/**
 * A server function that needs no message.
 * @template Answer
 * @typedef {Call<Record<string, never>, Answer>} Look
 */

/**
 * What `answered` of replies.py makes: the answer, or why there is none. A refusal that may not be one in a moment
 * says so with `retry`.
 * @template {object} T
 * @typedef {({ok: true, error?: undefined, retry?: undefined} & T) | Refusal<T>} Reply
 */

/**
 * @template {object} T
 * @typedef {{ok: false, error: string, retry?: boolean} & {[Key in keyof T]?: undefined}} Refusal
 */

/** @type {Map<string, AbortController>} */
const mounted = new Map(); // by elem_id

/** Where a widget stands. Its listeners and timers end when Gradio builds it again. */
export class Place {
  /**
   * @param {HTMLElement} element
   * @param {Placed} placed
   */
  constructor(element, { elem_id, role }) {
    this.element = element;
    this.root = make("div", { class: role });
    element.replaceChildren(this.root);
    mounted.get(elem_id)?.abort();
    const life = new AbortController();
    mounted.set(elem_id, life);
    this.life = life.signal;
  }

  /** Whether the widget can be seen (its tab is the open one). */
  visible() {
    return this.element.isConnected && this.element.getClientRects().length > 0;
  }

  /**
   * @template {keyof WindowEventMap} Name
   * @param {Name} name
   * @param {(event: WindowEventMap[Name]) => unknown} heard
   */
  onWindow(name, heard) {
    window.addEventListener(name, heard, { signal: this.life });
  }

  /**
   * @template {keyof DocumentEventMap} Name
   * @param {Name} name
   * @param {(event: DocumentEventMap[Name]) => unknown} heard
   */
  onDocument(name, heard) {
    document.addEventListener(name, heard, { signal: this.life });
  }

  /**
   * @param {number} ms
   * @param {() => unknown} act
   */
  every(ms, act) {
    const timer = setInterval(act, ms);
    this.life.addEventListener("abort", () => clearInterval(timer));
  }
}

/**
 * A widget: its place, its strings, and the way to Python.
 * @template Text
 * @template {Record<keyof Server, (message: never) => Promise<unknown>>} Server
 * @template [Given=object]
 */
export class Widget extends Place {
  /** @param {Host<Text, Server, Given>} host */
  constructor(host) {
    super(host.element, host.given);
    this.props = host.props;
    this.watch = host.watch;
    this.trigger = host.trigger;
    this.text = host.text;
    this.given = host.given;
    this.server = host.server;
  }

  /**
   * Call a server function; undefined when the network or the server fails.
   * @template {keyof Server & string} Name
   * @param {Name} name
   * @param {{} extends Parameters<Server[Name]>[0] ? [Parameters<Server[Name]>[0]?] : [Parameters<Server[Name]>[0]]} message
   * @returns {Promise<Awaited<ReturnType<Server[Name]>> | undefined>}
   */
  async ask(name, ...[message]) {
    const call = /** @type {Call<object, Awaited<ReturnType<Server[Name]>>>} */ (
      /** @type {unknown} */ (this.server[name])
    );
    try {
      return await during(call(message ?? {}));
    } catch {
      return undefined;
    }
  }
}
