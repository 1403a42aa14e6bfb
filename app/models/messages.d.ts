// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Look, Reply } from "../ui/widget.js";

/** How far the search is; and, where `version` was another, the lists. */
export interface FinderState {
  version: number;
  looking: string;
  looked: boolean;
  reading: string;
  chosen: string;
  models?: FoundModel[];
  unusable?: UnusableModel[];
  unseen?: string[];
  folders?: SearchedFolder[];
}

/** A folder to look in, as a person wrote it. */
export interface FolderWish {
  path: string;
}

/** A model that can be chosen. */
export interface FoundModel {
  id: string;
  name: string;
  facts: string[];
  hash: string;
  tool: string;
  place: string;
}

/** A folder that the page was told of. */
export interface IdWish {
  id: string;
}

/** Nothing more than that it was done. */
export type Nothing = Record<never, never>;

/** A folder that the person added. */
export interface SearchedFolder {
  id: string;
  path: string;
}

/** Which state of the list the page has. */
export interface StateWish {
  version?: number;
}

/** A model that can't be chosen, and why. */
export interface UnusableModel {
  name: string;
  why: string;
}

export interface ModelFinderServer {
  finder: Call<StateWish, Reply<FinderState>>;
  find: Look<Reply<Nothing>>;
  halt: Look<Reply<Nothing>>;
  stop_reading: Look<Reply<Nothing>>;
  add_folder: Call<FolderWish, Reply<Nothing>>;
  forget_folder: Call<IdWish, Reply<Nothing>>;
}
