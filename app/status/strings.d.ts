// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface StatusBarText {
  stop: string;
  stopping: string;
  stopAndKeep: string;
  dismiss: string;
  left: string;
  lost: string;
  "done.download": string;
  "done.generate": string;
  "done.import": string;
  "done.measure": string;
  "done.train": string;
  "done.judge": string;
  "done.grid": string;
  "stopped.download": string;
  "stopped.generate": string;
  "stopped.import": string;
  "stopped.measure": string;
  "stopped.train": string;
  "stopped.judge": string;
  "stopped.grid": string;
  "failed.download": string;
  "failed.generate": string;
  "failed.import": string;
  "failed.measure": string;
  "failed.train": string;
  "failed.judge": string;
  "failed.grid": string;
  theme: string;
  tagline: string;
  name: string;
  nextLabel: string;
  factsLabel: string;
  progressLabel: string;
  manyTabs: string;
  "job.download": string;
  "job.generate": string;
  "job.import": string;
  "job.measure": string;
  "job.train": string;
  "job.judge": string;
  "job.grid": string;
  notices: string;
  noticesOff: string;
  noticesOn: string;
  noticesRefused: string;
}
