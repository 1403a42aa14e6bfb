"""The Train page: a plan, a run, and what is seen of it."""
