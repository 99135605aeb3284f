"""Several cameras side by side, from the history: medians, spreads, differences, and whether they are alike."""
