// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface AdapterListText {
  label: string;
  empty: string;
  emptyHint: string;
  loading: string;
  noPreview: string;
  lost: string;
  strengthChip: string;
  path: string;
  copy: string;
  copied: string;
  copyFailed: string;
  download: string;
  "file.kohya": string;
  "fileHint.kohya": string;
  "file.diffusers": string;
  "fileHint.diffusers": string;
  "file.card": string;
  "fileHint.card": string;
  "file.card_prompts": string;
  "fileHint.card_prompts": string;
  copyTo: string;
  linkTo: string;
  linkHint: string;
  judge: string;
  roundTwo: string;
  roundTwoHint: string;
  edit: string;
  editName: string;
  curveGain: string;
  curveDrift: string;
  editStrength: string;
  editStrengthHint: string;
  editNote: string;
  save: string;
  cancel: string;
  delete: string;
  undo: string;
  folders: string;
  foldersHint: string;
  noFolder: string;
  choose: string;
  change: string;
  folderLabel: string;
  folderPlaceholder: string;
  forget: string;
  working: string;
}

export interface ComfyPackText {
  title: string;
  about: string;
  none: string;
  installed: string;
  install: string;
  remove: string;
  another: string;
  placeholder: string;
  working: string;
  lost: string;
}
