// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Look, Reply } from "../ui/widget.js";

/** What happened; `entry` of the trash is what can be restored. */
export interface ActionDone {
  sentence: string;
  entry?: string;
}

/** A wish about an adapter, or about a tool's folder. */
export interface AdapterMessage {
  action: "edit" | "delete" | "put_back" | "place" | "folder" | "forget";
  id?: number;
  name?: string;
  note?: string;
  strength?: string;
  entry?: string;
  tool?: string;
  how?: "copy" | "link";
  folder?: string;
}

/** Gain against drift; `words` says in text what it shows. */
export interface Curve {
  points: CurvePoint[];
  budget: number;
  gate: string;
  words: string;
}

/** What was measured at one strength; `chosen`: it was kept. */
export interface CurvePoint {
  strength: string;
  gain: number;
  error: number;
  upper: number;
  chosen: boolean;
}

/** What was measured at several strengths, and what is predicted at the one that was kept. */
export interface Effect {
  strength: string;
  predicted: string;
  curve: Curve | null;
}

/** Addresses of the files that can be downloaded. */
export interface Files {
  kohya?: string;
  diffusers?: string;
  card?: string;
  card_prompts?: string;
}

/** A ComfyUI of this machine. */
export interface FoundComfy {
  id: string;
  folder: string;
  installed: boolean;
  problem: string;
}

/** The ComfyUIs of this machine, and which of them has the nodes. */
export interface FoundComfys {
  found: FoundComfy[];
}

/** The newest verdict; `plot` says in text what the bar shows. */
export interface JudgedShare {
  win_rate: number;
  low: number;
  high: number;
  plot: string;
  sentence: string;
}

/** What happened, and the new state. */
export interface PackDone {
  found: FoundComfy[];
  sentence: string;
}

/** A wish: a ComfyUI that was found, by its id, or a folder that the person typed. */
export interface PackMessage {
  action: "install" | "remove";
  id?: string;
  folder?: string;
}

/** A tool that the adapter could go to; `there` says so where it is. */
export interface Placing {
  tool: string;
  label: string;
  there: string;
}

/** All cards, and the folders of other tools. */
export interface Shelf {
  cards: ShownAdapter[];
  tools: Tool[];
}

/** Everything that a card shows. */
export interface ShownAdapter {
  id: number;
  name: string;
  chips: string[];
  note: string;
  strength: number | null;
  verdict: JudgedShare | null;
  not_judged: string;
  error: string;
  effect: Effect | null;
  fit: string;
  proven: boolean;
  warning: string;
  problem: string;
  path: string;
  preview: string | null;
  files: Files;
  places: Placing[];
}

/** Another tool and its folder; empty where none is set. */
export interface Tool {
  id: string;
  label: string;
  folder: string;
  suggestions: string[];
}

export interface AdapterListServer {
  shelf: Look<Reply<Shelf>>;
  act: Call<AdapterMessage, Reply<ActionDone>>;
}

export interface ComfyPackServer {
  look: Look<Reply<FoundComfys>>;
  act: Call<PackMessage, Reply<PackDone>>;
}
