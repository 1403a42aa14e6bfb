// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface ModelFinderText {
  open: string;
  close: string;
  found: string;
  filter: string;
  none: string;
  unread: string;
  unusable: string;
  folders: string;
  newFolder: string;
  add: string;
  forget: string;
  again: string;
  halt: string;
  lost: string;
}
