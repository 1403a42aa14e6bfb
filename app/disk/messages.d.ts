// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Look, Reply } from "../ui/widget.js";

/** A copy of the votes. */
export interface BackupCopy {
  name: string;
  title: string;
  made: string;
  facts: string;
  usable: boolean;
}

/** What happened; `entry` of the trash is what can be restored, if anything. */
export interface Cleared {
  sentence: string;
  entry: string;
}

/** A kind of clearing that would free something. */
export interface ClearingOffer {
  kind: "unvoted" | "strays" | "checkpoints" | "grids" | "drawn" | "exports" | "cache" | "trash";
  label: string;
}

/** What everything takes, what is in the trash, which copies there are. */
export interface House {
  total: string;
  parts: Part[];
  trash: TrashEntry[];
  backups: BackupCopy[];
}

/** What is asked: a kind of clearing, an entry of the trash, or a backup by its name. */
export interface NameMessage {
  name: string;
}

/** What a part of the project takes, and what of it can go. */
export interface Part {
  key: string;
  name: string;
  hint: string;
  size: string;
  share: number;
  clearings: ClearingOffer[];
}

/**
 * What restoring a copy or clearing something would mean.
 *
 * Clearing also shows some of the images and how many `more` there are; with an empty `button` nothing would go.
 */
export interface Question {
  title: string;
  sentence: string;
  button?: string;
  images?: string[];
  more?: number;
  final?: boolean;
}

/** What happened. */
export interface Said {
  sentence: string;
}

/** Something in the trash. */
export interface TrashEntry {
  id: string;
  name: string;
  facts: string;
  made: string;
}

export interface DiskServer {
  house: Look<Reply<House>>;
  preview: Call<NameMessage, Reply<Question>>;
  preview_restore: Call<NameMessage, Reply<Question>>;
  clear: Call<NameMessage, Reply<Cleared>>;
  put_back: Call<NameMessage, Reply<Said>>;
  restore: Call<NameMessage, Reply<Said>>;
}
