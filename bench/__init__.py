"""Comparisons that anyone can run: `python -m bench.NAME` prints a table with ratios."""
