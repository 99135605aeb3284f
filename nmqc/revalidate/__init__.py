"""Recorded images analysed again: whether this version still gives the numbers that were recorded."""
