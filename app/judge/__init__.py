"""The Judge page: blind tests, their verdicts, and grids."""
