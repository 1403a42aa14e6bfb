"""Benchmarks: does the studio learn a taste, how fast, with how much memory. Results with the machine named."""
