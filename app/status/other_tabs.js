// How many further tabs of this browser show the studio. Every tab holds a connection, and a browser opens six to one
// address: the fifth tab warns of the next.

/** @import { Place } from "../ui/widget.js" */

import { newId } from "../ui/page.js";

/** @typedef {{tab: string, asks?: boolean, gone?: boolean}} Message */

export class OtherTabs {
  /** @param {Place} place */
  constructor(place) {
    /** @type {Set<string>} */
    this.others = new Set();
    const tab = newId();
    const channel = new BroadcastChannel("sdpo.tabs");
    const tell = (/** @type {Message} */ message) => channel.postMessage(message);
    channel.onmessage = (/** @type {MessageEvent<Message>} */ { data }) => {
      if (data.gone) this.others.delete(data.tab);
      else this.others.add(data.tab);
      if (data.asks) tell({ tab });
    };
    tell({ tab, asks: true });
    place.onWindow("pagehide", () => tell({ tab, gone: true }));
    place.life.addEventListener("abort", () => channel.close());
  }

  get count() {
    return this.others.size;
  }
}
