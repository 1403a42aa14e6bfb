"""Pairs and images in from other tools, and out to them."""
