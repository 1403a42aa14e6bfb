"""The page Judge: blind tests, their verdicts, and grids."""
