"""Base against adapter: blind comparisons, their verdict, and grids."""
