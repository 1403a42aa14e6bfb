// Choices on their way: one after another, kept in localStorage until the studio has them. Sending one twice does no
// harm, because its uuid names it.

const RETRY_MS = [300, 600, 1200, 2500, 5000];
const UNSAVED_AFTER_MS = 1000;

/** `on.state` hears of every change, `on.said` gets sentences, `on.saved(op, reply)` answers, `on.idle` the end. */
function makeOutbox(name, on) {
  const prefix = `sdpo.pending.${name}.`;
  const outbox = { pending: restore(), sent: 0, storageWorks: true, send, flush, late };
  let flushing = false;

  /** Choices that an earlier visit of this page could not deliver. */
  function restore() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix)).sort();
      return keys.map((key) => ({ ...JSON.parse(localStorage.getItem(key)), key }));
    } catch {
      return [];
    }
  }

  function send(op) {
    op.at = Date.now();
    const number = String(outbox.sent++).padStart(6, "0");
    op.key = `${prefix}${String(op.at).padStart(15, "0")}.${number}.${op.uuid}`;
    outbox.pending.push(op);
    try {
      localStorage.setItem(op.key, JSON.stringify(op));
    } catch {
      outbox.storageWorks = false; // private window or full storage: the page warns before it is left
    }
    return flush();
  }

  async function flush() {
    if (flushing) return;
    flushing = true;
    let failures = 0;
    while (outbox.pending.length > 0) {
      const { kind, key, at, ...message } = outbox.pending[0];
      const reply = await ask(kind, message);
      if (!reply || (!reply.ok && reply.retry)) {
        if (reply) on.said(reply.error);
        on.state();
        await new Promise((resume) => setTimeout(resume, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]));
        continue;
      }
      failures = 0;
      outbox.pending.shift();
      try { localStorage.removeItem(key); } catch { outbox.storageWorks = false; }
      if (!reply.ok) on.said(reply.error);
      on.saved({ kind, ...message }, reply);
      on.state();
    }
    flushing = false;
    on.idle();
  }

  /** How many choices wait, once the first has waited for a noticeable time. */
  function late() {
    const { pending } = outbox;
    return pending.length > 0 && Date.now() - pending[0].at > UNSAVED_AFTER_MS ? pending.length : 0;
  }

  listen(window, "beforeunload", (event) => {
    if (outbox.pending.length && !outbox.storageWorks) event.preventDefault();
  });
  return outbox;
}

/** The badge that says how many choices are not saved yet. */
function showUnsaved(badge, outbox) {
  const waiting = outbox.late();
  badge.hidden = waiting === 0;
  badge.textContent = waiting ? fill(text.unsaved, { n: waiting }) : "";
}
