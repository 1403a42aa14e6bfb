// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types

import type { Call, Look, Reply } from "../ui/widget.js";

/** Something that was found in a workflow. */
export interface ComfyLine {
  what: string;
  where: string;
  value: string;
}

/** What was chosen, and what is found in the workflow. */
export interface ComfyState {
  on: boolean;
  url: string;
  prompt_slot: string;
  negative_slot: string;
  seed_slot: string;
  image_node: string;
  workflow: string;
  name: string;
  found: ComfyLine[];
  notes: string[];
  problems: string[];
}

/** What is on the page. */
export interface ComfyWish {
  on?: boolean;
  url?: string;
  prompt_slot?: string;
  negative_slot?: string;
  seed_slot?: string;
  image_node?: string;
}

/** There is room for files under this id. */
export interface Draft {
  id: string;
}

/** A folder on this machine, as a person wrote it. */
export interface FolderMessage {
  path: string;
}

/** The newest import: whether it runs, and its report when it is over. */
export interface ImportState {
  run: string;
  running: boolean;
  state: "queued" | "running" | "stopping" | "done" | "stopped" | "failed";
  sentence: string;
  troubles: ImportTrouble[];
  question: string;
}

/** A file that could not be imported. */
export interface ImportTrouble {
  name: string;
  reason: string;
}

/** An image, its prompt, and what else is known about how it was made: label and value. */
export interface NewestImage {
  sha256: string;
  prompt: string;
  facts: [string, string][];
}

/** The newest images, the newest first. */
export interface NewestImages {
  images: NewestImage[];
}

/** Nothing was imported yet. */
export interface NoImport {
  run: string;
}

/** The prompt for images that had none. */
export interface PromptMessage {
  run: string;
  prompt: string;
}

/** What was sent is complete. */
export interface StartMessage {
  id: string;
}

/** An import runs, or waits for its turn; then there is a sentence in place of a run. */
export interface Started {
  run: string;
  sentence: string;
}

/** A file that the person opened, dropped or pasted. */
export interface WorkflowMessage {
  name: string;
  content: string;
}

export interface ComfyDrawServer {
  state: Look<Reply<ComfyState>>;
  choose: Call<ComfyWish, Reply<ComfyState>>;
  look: Call<ComfyWish, Reply<ComfyState>>;
  take: Call<WorkflowMessage, Reply<ComfyState>>;
}

export interface ImageGridServer {
  newest: Look<Reply<NewestImages>>;
}

export interface ImportImagesServer {
  begin: Look<Reply<Draft>>;
  start: Call<StartMessage, Reply<Started>>;
  start_folder: Call<FolderMessage, Reply<Started>>;
  with_prompt: Call<PromptMessage, Reply<Started>>;
  state: Look<Reply<ImportState | NoImport>>;
}
