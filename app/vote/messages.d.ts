// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Look, Reply } from "../ui/widget.js";

/** How the votes on a prompt fit those on the others. */
export interface Agreement {
  prompt: string;
  sentence: string;
}

/** The wish to vote on these pairs now. */
export interface AskFirst {
  pairs: Unsure[];
}

/** So many pairs come first now. */
export interface Asked {
  sentence: string;
  pairs: number;
}

/** Something a board sent. */
export interface BoardMessage {
  run?: string;
}

/** What is known. `looking`: the votes are being read again. */
export interface Card {
  sentences: string[];
  most: ShownImage[];
  least: ShownImage[];
  prompts: Agreement[];
  prompts_note: string;
  unsure: Doubt[];
  press: string;
  looking: boolean;
}

/** How often a person who was asked again chose the same. */
export interface Consistency {
  asked: number;
  same: number;
}

/** The next pairs, and how far the person is. */
export interface Deck {
  done: number;
  open: number;
  decided?: number;
  consistency?: Consistency;
  total?: number;
  complete?: boolean;
  pairs: ShownPair[];
  last: LastVote | null;
}

/** Pairs wanted, besides those that the board has. */
export interface DeckRequest {
  run?: string;
  have?: number[];
  n?: number;
  again?: boolean;
  mode?: "pairs" | "swiss";
}

/** Two images that the model is unsure about. */
export interface Doubt {
  candidates: [number, number];
  images: [string, string];
  prompt: string;
}

/** Everything that the card shows. */
export interface Findings {
  sentences: string[];
  most: ShownImage[];
  least: ShownImage[];
  prompts: Agreement[];
  prompts_note: string;
  unsure: Doubt[];
  press: string;
}

/** The newest answer, so that undo works after a reload. */
export interface LastRanking {
  uuid: string;
  set: ShownSet;
}

/** The newest vote, so that undo works after a reload; `side`: it was for one of the two. */
export interface LastVote {
  uuid: string;
  side: boolean;
  pair: ShownPair;
}

/** The votes are being read, for the first time. */
export interface Looking {
  looking: boolean;
}

/** How far the person is: `decided` are votes that can train, `total` and `complete` those of a blind test. */
export interface Numbers {
  done: number;
  open: number;
  decided?: number;
  consistency?: Consistency;
  total?: number;
  complete?: boolean;
}

/** Votes wanted: those that fit, older than the vote named `before`. */
export interface PageRequest {
  run?: string;
  prompt?: string;
  choice?: "left" | "right" | "tie" | "both-bad" | "skip" | "";
  only?: "" | "much-better" | "unsteady";
  since?: string | null;
  until?: string | null;
  before?: string | null;
}

/** A vote as it was cast; `again` is what was chosen when its pair was asked about again. */
export interface PastVote {
  uuid: string;
  pair: number;
  prompt: string;
  images: [string, string];
  choice: "left" | "right" | "tie" | "both-bad" | "skip";
  strength: 1 | 2;
  when: string;
  again: "left" | "right" | "tie" | "both-bad" | "skip" | null;
  ranked: boolean;
}

/** The best of several images and, where one was named, the worst. */
export interface RankMessage {
  run?: string;
  uuid: string;
  candidates: number[];
  images: string[];
  best: number;
  worst?: number | null;
  ms?: number | null;
}

/** An answer is saved, as so many votes; untold where they are another project's. */
export interface RankedVotes {
  votes?: number;
}

/** The next votes that fit, how many fit in all, and whether there are more. */
export interface ReviewPage {
  votes: PastVote[];
  total: number;
  more: boolean;
}

/** The next images, and how far the person is. */
export interface Sets {
  sets: ShownSet[];
  done: number;
  decided: number;
  last: LastRanking | null;
}

/** Images wanted, besides those that the board has. */
export interface SetsRequest {
  run?: string;
  have?: number[];
  size?: number;
}

/** An image and its prompt. */
export interface ShownImage {
  sha256: string;
  prompt: string;
}

/** Two images from left to right as shown; a pair that is asked again names the vote that it repeats. */
export interface ShownPair {
  id: number;
  prompt: string;
  images: [string, string];
  swapped?: boolean;
  repeat_of?: string | null;
}

/** Several images of one prompt. */
export interface ShownSet {
  prompt: string;
  candidates: number[];
  images: string[];
}

/** Take a choice back. */
export interface UndoMessage {
  run?: string;
  uuid: string;
  vote: string;
}

/** A choice is taken back; empty where it was one of another project than the page shows. */
export interface Undone {
  pair?: ShownPair;
  last?: LastVote | null;
  consistency?: Consistency;
}

/** An answer is taken back; empty where it was one of another project than the page shows. */
export interface UndoneRanking {
  set?: ShownSet;
  last?: LastRanking | null;
}

/** A pair of images as the card showed it. */
export interface Unsure {
  candidates: [number, number];
  images: [string, string];
}

/** One choice on one pair. */
export interface VoteMessage {
  run?: string;
  uuid: string;
  pair: number;
  images: [string, string];
  choice: "left" | "right" | "tie" | "both-bad" | "skip";
  ms?: number | null;
  strength?: 1 | 2;
  swapped?: boolean;
  repeat_of?: string | null;
}

/** A choice is saved; `consistency` comes with a pair that was asked about again, `complete` with a blind test. */
export interface Voted {
  consistency?: Consistency;
  complete?: boolean;
}

export interface BestBoardServer {
  sets: Call<SetsRequest, Reply<Sets>>;
  rank: Call<RankMessage, Reply<RankedVotes>>;
  undo: Call<UndoMessage, Reply<UndoneRanking>>;
}

export interface PairBoardServer {
  deck: Call<DeckRequest, Reply<Deck>>;
  vote: Call<VoteMessage, Reply<Voted>>;
  undo: Call<UndoMessage, Reply<Undone>>;
}

export interface ReviewServer {
  look_up: Call<PageRequest, Reply<ReviewPage>>;
  vote: Call<VoteMessage, Reply<Voted>>;
  undo: Call<UndoMessage, Reply<Undone>>;
}

export interface SaysCardServer {
  look: Look<Reply<Card | Looking>>;
  ask_first: Call<AskFirst, Reply<Asked>>;
}
