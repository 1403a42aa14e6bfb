"""Which model is this? Found out from headers and configs, without reading a weight."""
