"""Which model is this? Told from headers and configs, without reading a weight."""
