// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types

export interface LiveChartText {
  margin: string;
  marginHint: string;
  scale: string;
  scaleHint: string;
  error: string;
  errorHint: string;
  loss: string;
  lossHint: string;
  memory: string;
  memoryHint: string;
  memorySummary: string;
  step: string;
  budget: string;
  waiting: string;
  empty: string;
  gauge: string;
  lossSummary: string;
  unknown: string;
}

export interface LogViewText {
  empty: string;
  label: string;
}

export interface PreviewsText {
  label: string;
  hint: string;
  base: string;
  step: string;
  slider: string;
  gone: string;
}

export interface SettingsFileText {
  choose: string;
  drop: string;
  tooLarge: string;
  noText: string;
}
