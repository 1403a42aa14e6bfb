"""The Adapters page: what the votes became, and what can be done with it."""
