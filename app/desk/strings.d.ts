// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface RunQueueText {
  label: string;
  up: string;
  down: string;
  remove: string;
  lost: string;
}
