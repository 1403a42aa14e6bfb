// What the boards and app/voting.py say to each other.

import type { Call } from "../ui/widget.js";
import type { Loadable } from "./deck.js";

export type Side = "left" | "right";
export type Choice = Side | "tie" | "both-bad" | "skip";

/** Two images from left to right as shown; a pair that is asked again names the vote that it repeats. */
export interface Pair extends Loadable {
  id: number;
  prompt: string;
  images: [string, string];
  swapped?: boolean;
  repeat_of?: string | null;
}

/** How often a person who was asked again chose the same. */
export interface Consistency {
  asked: number;
  same: number;
}

/** The newest vote, so that undo works after a reload; `side`: it was for one of the two. */
export interface LastVote {
  uuid: string;
  side: boolean;
  pair: Pair;
}

export interface DeckWish {
  run: string;
  n: number;
  have: number[];
  again: boolean;
  mode: "pairs" | "swiss";
}

/** The next pairs, and how far the person is. `total` and `complete` are those of a blind test. */
export interface Deck {
  pairs: Pair[];
  done: number;
  open: number;
  last: LastVote | null;
  decided?: number;
  consistency?: Consistency;
  total?: number;
  complete?: boolean;
}

export interface Vote {
  run?: string;
  uuid: string;
  pair: number;
  images: [string, string];
  choice: Choice;
  strength: number;
  ms?: number;
  swapped?: boolean;
  repeat_of?: string;
}

export interface Undo {
  run?: string;
  uuid: string;
  vote: string;
}

/** A refusal that may not be one in a moment says so with `retry`. */
export type Answer<T extends object> =
  | ({ ok: true; error?: undefined; retry?: undefined } & T)
  | ({ ok: false; error: string; retry: boolean } & { [Key in keyof T]?: undefined });

export type Voted = Answer<{ consistency?: Consistency; complete?: boolean }>;
export type Undone = Answer<{ pair: Pair; last: LastVote | null; consistency?: Consistency }>;

export type VoteCall = Call<Vote, Voted>;
export type UndoCall = Call<Undo, Undone>;
export type DeckCall = Call<DeckWish, Answer<Deck>>;
