// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface HomeText {
  loop: string;
  next: string;
  working: string;
  look: string;
  allDone: string;
  machine: string;
  keepHouse: string;
  projects: string;
  projectsHint: string;
  new: string;
  newName: string;
  make: string;
  import: string;
  importHint: string;
  uploading: string;
  checking: string;
  lost: string;
  cancel: string;
  open: string;
  isOpen: string;
  rename: string;
  renameLabel: string;
  save: string;
  export: string;
  exporting: string;
  download: string;
  archive: string;
  unarchive: string;
  archived: string;
  opening: string;
  loading: string;
  "job.download": string;
  "job.generate": string;
  "job.import": string;
  "job.measure": string;
  "job.train": string;
  "job.judge": string;
  "job.grid": string;
}

export interface PhoneText {
  title: string;
  about: string;
  open: string;
  opening: string;
  address: string;
  scan: string;
  codeAlt: string;
  url: string;
  password: string;
  close: string;
  careful: string;
  lost: string;
}
