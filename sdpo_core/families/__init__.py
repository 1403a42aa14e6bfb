"""What the studio knows of each family of models: one file each in `known/`, one line each in `table`. No torch."""
