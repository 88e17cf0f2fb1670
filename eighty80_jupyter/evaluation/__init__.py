"""How good answers are: metrics on labelled rows, corrected shares, comparisons."""
