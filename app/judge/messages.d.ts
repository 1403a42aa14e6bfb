// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Reply } from "../ui/widget.js";

/** The base model's image. */
export interface BaseCell {
  address: string;
}

/** A grid as far as it is generated. Before its plan is written there are no rows. */
export interface Grid {
  run: string;
  running: boolean;
  rows: GridRow[];
  prompt?: string;
  seed?: number;
  strengths?: number[];
}

/** A grid by its run's id. */
export interface GridRequest {
  run: string;
}

/** A checkpoint: which of its images there are, and its recommended strength. */
export interface GridRow {
  step: number | null;
  drawn: boolean[];
  recommended: number | null;
}

/** How often the adapter won, and how sure that is; `plot` says in text what the bar shows. */
export interface Interval {
  win_rate: number;
  low: number;
  high: number;
  interval: string;
  plot: string;
}

/** Whether the votes of a blind test should train. */
export interface LetTrain {
  run: string;
  trains: boolean;
}

/** An image at a strength. */
export interface NearCell {
  address: string;
  strength: string;
}

/** What is shown next to a slider. */
export interface NearImage {
  adapter: string;
  prompt: string;
  cell: NearCell;
  base: BaseCell | null;
}

/** There is no such image; `waits`: a grid of it is being generated. */
export interface NoImage {
  adapter: string;
  cell: null;
  waits: boolean;
}

/** An image of a grid. */
export interface Pick {
  run: string;
  row: number;
  column: number;
}

/** The grid, with what its adapter is recommended with now. */
export interface PickedGrid {
  run: string;
  running: boolean;
  rows: GridRow[];
  prompt?: string;
  seed?: number;
  strengths?: number[];
  sentence: string;
}

/** How the comparisons of one prompt ended. */
export interface PromptScore {
  prompt: string;
  score: string;
  marks: ("win" | "loss" | "tie")[];
}

/** A blind test among all; `now`: it is the one that is shown. */
export interface Round {
  win_rate: number;
  low: number;
  high: number;
  interval: string;
  plot: string;
  name: string;
  score: string;
  now: boolean;
}

/** What happened. */
export interface Said {
  sentence: string;
}

/** One blind comparison, revealed: the hashes of both images, and how it ended for the adapter. */
export interface ShownComparison {
  prompt: string;
  base: string;
  adapter: string;
  outcome: "win" | "loss" | "tie";
}

/** Everything that the verdict shows; the value of its widget. */
export interface ShownVerdict {
  win_rate: number;
  low: number;
  high: number;
  interval: string;
  plot: string;
  trains: boolean;
  trains_sentence: string;
  run: string;
  sentence: string;
  counts: string;
  prompts: PromptScore[];
  rounds: Round[];
  comparisons: ShownComparison[];
}

/** An adapter by its name. */
export interface StrengthsRequest {
  adapter: string;
}

/** Whether the votes of a blind test train. */
export interface Training {
  trains: boolean;
  trains_sentence: string;
}

export interface StrengthGridServer {
  shown: Call<GridRequest, Reply<Grid>>;
  pick: Call<Pick, Reply<PickedGrid>>;
  remove: Call<GridRequest, Reply<Said>>;
}

export interface StrengthPreviewServer {
  draw: Call<StrengthsRequest, Reply<Said>>;
}

export interface VerdictCardServer {
  let_train: Call<LetTrain, Reply<Training>>;
}
