"""What a person may choose to train with: a table of losses and one of optimisers, readable without torch."""
