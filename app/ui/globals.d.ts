// What the page's modules find in the window: Gradio's scripts (main.py, widget.py) and uPlot put it there.

import type { Snapshot } from "../status/messages.js";

/** A part of uPlot's options and methods: those that live_chart.js uses. */
declare class Plot {
  constructor(options: object, data: Plot.Data, target: HTMLElement);
  readonly ctx: CanvasRenderingContext2D;
  readonly bbox: { left: number; top: number; width: number; height: number };
  setData(data: Plot.Data): void;
  setSize(size: { width: number; height: number }): void;
  valToPos(value: number, scale: string, canvasPixels: boolean): number;
  destroy(): void;
}

declare namespace Plot {
  type Data = number[][];
}

declare global {
  const uPlot: typeof Plot;
  type uPlot = Plot;

  interface Window {
    /** How many promises are waited for before the page is shown; widget.py counts a module that is on its way. */
    sdpoUnderWay?: number;
    /** Set by main.py: the page that the address names is open, and has been refreshed. */
    sdpoTabsReady?: boolean;
    sdpoPageReady?: boolean;
  }

  interface WindowEventMap {
    /** The bar's newest answer. */
    "sdpo:status": CustomEvent<Snapshot>;
    /** Another way to vote was chosen; `said` is reported on the board. */
    "sdpo:mode": CustomEvent<{ said: string } | null>;
    /** A switch that this browser remembers was pressed. */
    "sdpo:switched": CustomEvent<{ key: string }>;
  }
}
