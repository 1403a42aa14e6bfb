// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface StrengthGridText {
  label: string;
  empty: string;
  waiting: string;
  caption: string;
  strength: string;
  base: string;
  step: string;
  adapter: string;
  choose: string;
  chosen: string;
  close: string;
  open: string;
  alt: string;
  missing: string;
  remove: string;
  lost: string;
}

export interface StrengthPreviewText {
  base: string;
  at: string;
  from: string;
  gone: string;
  none: string;
  draw: string;
  waits: string;
  lost: string;
}

export interface VerdictCardText {
  title: string;
  base: string;
  even: string;
  adapter: string;
  scale: string;
  prompts: string;
  promptsHint: string;
  promptColumn: string;
  resultColumn: string;
  rounds: string;
  roundsHint: string;
  roundColumn: string;
  "mark.win": string;
  "mark.loss": string;
  "mark.tie": string;
  images: string;
  baseImage: string;
  adapterImage: string;
  chosen: string;
  equal: string;
  goneImage: string;
  trainTitle: string;
  let: string;
  takeBack: string;
  lost: string;
  working: string;
}
