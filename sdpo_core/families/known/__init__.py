"""One file for each family; each ends in `FAMILY`."""
