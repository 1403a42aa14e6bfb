// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Look, Reply } from "../ui/widget.js";

/** What waits, the next one first. */
export interface Queue {
  waiting: QueuedRun[];
  sentence: string;
}

/** What a page wants done with a run that waits. */
export interface QueueMessage {
  action: "up" | "down" | "remove";
  id: string;
}

/** A run that waits. */
export interface QueuedRun {
  id: string;
  title: string;
  verb: "train" | "import" | "judge" | "grid" | "download";
}

export interface RunQueueServer {
  queue: Look<Reply<Queue>>;
  act: Call<QueueMessage, Reply<Queue>>;
}
