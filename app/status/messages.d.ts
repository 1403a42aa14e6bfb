// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Look, Reply } from "../ui/widget.js";

/** How much there is to vote on. */
export interface CountsNow {
  candidates: number;
  pairs: number;
  open: number;
}

/** The job that runs, or the newest one. `waiting`: it generates again as soon as somebody votes. */
export interface Job {
  id: string;
  verb: "download" | "generate" | "import" | "measure" | "train" | "judge" | "grid";
  state: "queued" | "running" | "stopping" | "done" | "stopped" | "failed";
  step: number;
  total: number;
  eta: string;
  message: string;
  running: boolean;
  waiting: boolean;
}

/** The one obvious thing to do now, and the page to do it on. */
export interface ShownStep {
  text: string;
  button: string;
  tab: string;
}

/** Everything that the bar shows; all other widgets hear it, too. */
export interface Snapshot {
  project: string;
  job: Job | null;
  facts: [string, string][];
  counts: CountsNow;
  next: ShownStep | null;
  warnings: string[];
}

/** The job that should stop, by its run's id. */
export interface StopMessage {
  run: string;
}

/** The job's state once it was told. */
export interface Stopping {
  state: "queued" | "running" | "stopping" | "done" | "stopped" | "failed";
}

export interface StatusBarServer {
  snapshot: Look<Reply<Snapshot>>;
  stop_job: Call<StopMessage, Reply<Stopping>>;
}
