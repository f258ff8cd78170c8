"""One run from the launcher to the last line: the place where all layers meet."""
