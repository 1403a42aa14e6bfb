"""SDPO Studio: the person's path in a browser. It shows and starts; the work is done by jobs in child processes."""
