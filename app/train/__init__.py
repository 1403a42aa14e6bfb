"""The page Train: a plan, a run, and what is seen of it."""
