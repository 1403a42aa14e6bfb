// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Look, Reply } from "../ui/widget.js";

/** Where the studio could be opened, and where it is. */
export interface DoorState {
  addresses: string[];
  door: OpenDoor | null;
}

/** Open the door, at an address or at the first one, or close it. */
export interface DoorWish {
  on: boolean;
  address?: string;
}

/** A part of the machine, and the share of it that is taken. */
export interface MachinePart {
  label: string;
  hint: string;
  share: number | null;
  tab?: string;
}

/** Where the studio is open: what a phone scans, or a person types. */
export interface OpenDoor {
  url: string;
  password: string;
  code: string;
}

/** What happened, and the id of a new project or the address of an export. */
export interface ProjectDone {
  id?: string;
  sentence?: string;
  download?: string;
}

/** A wish about a project. */
export interface ProjectMessage {
  action: "make" | "rename" | "archive" | "unarchive" | "open" | "export";
  id?: string;
  name?: string;
}

/** Everything that the page shows beyond the bar's own snapshot. */
export interface Shown {
  stages: Stage[];
  machine: MachinePart[];
  projects: ShownProject[];
}

/** A project as the list shows it. */
export interface ShownProject {
  id: string;
  name: string;
  open: boolean;
  archived: boolean;
  facts: string;
}

/** A stage of the loop: how far it is, and the page that takes it further. */
export interface Stage {
  key: "model" | "candidates" | "votes" | "runs" | "adapters";
  title: string;
  value: string;
  hint: string;
  tab: string;
  done: boolean;
}

export interface HomeServer {
  home: Look<Reply<Shown>>;
  act: Call<ProjectMessage, Reply<ProjectDone>>;
}

export interface PhoneServer {
  look: Look<Reply<DoorState>>;
  turn: Call<DoorWish, Reply<DoorState>>;
}
