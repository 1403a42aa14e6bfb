// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Reply } from "../ui/widget.js";

/** The gauge: a level, a sentence in plain words, and the figures behind it. */
export interface Health {
  level: "healthy" | "drifting" | "damaged";
  sentence: string;
  figures: string;
}

/** The last lines of a log. */
export interface LogLines {
  log: string;
}

/** New points of each curve, and the latest health. `restart`: what was drawn is void, the file is another one. */
export interface Metrics {
  restart: boolean;
  offset: number;
  file: string;
  total: number;
  budget: number;
  loss: [number, number][];
  margin: [number, number][];
  scale: [number, number][];
  memory: [number, number][];
  winner_error: [number, number, number | null][];
  health: Health | null;
}

/** Points since a position in the run's metrics. */
export interface MetricsRequest {
  run: string;
  offset?: number;
  file?: string;
}

/** Addresses of the previews of a step; step 0 is the base model. */
export interface PreviewStep {
  step: number;
  images: string[];
}

/** The previews of a run, by step. */
export interface Previews {
  steps: PreviewStep[];
}

/** A run by its id. */
export interface RunRequest {
  run: string;
}

export interface LiveChartServer {
  metrics: Call<MetricsRequest, Reply<Metrics>>;
}

export interface LogViewServer {
  log: Call<RunRequest, Reply<LogLines>>;
}

export interface PreviewsServer {
  previews: Call<RunRequest, Reply<Previews>>;
}
