// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface ComfyDrawText {
  title: string;
  on: string;
  hint: string;
  use: string;
  url: string;
  workflow: string;
  none: string;
  drop: string;
  choose: string;
  paste: string;
  look: string;
  working: string;
  found: string;
  what: string;
  where: string;
  value: string;
  point: string;
  pointHint: string;
  prompt_slot: string;
  negative_slot: string;
  seed_slot: string;
  image_node: string;
  pasted: string;
  tooLarge: string;
  lost: string;
}

export interface ImageGridText {
  label: string;
  empty: string;
  gone: string;
  close: string;
  previous: string;
  next: string;
  download: string;
}

export interface ImportImagesText {
  title: string;
  hint: string;
  drop: string;
  files: string;
  folder: string;
  path: string;
  take: string;
  sending: string;
  cancel: string;
  cancelled: string;
  nothing: string;
  wrongKind: string;
  tooLarge: string;
  tooMany: string;
  leftOut: string;
  prompt: string;
  give: string;
  lost: string;
}
