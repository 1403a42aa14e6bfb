// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface DiskText {
  title: string;
  total: string;
  cancel: string;
  more: string;
  trash: string;
  trashEmpty: string;
  putBack: string;
  backups: string;
  backupsHint: string;
  noBackups: string;
  restore: string;
  restoreDo: string;
  lost: string;
  working: string;
  loading: string;
}
