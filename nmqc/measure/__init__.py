"""What several tests share: arrays in, numbers out. No file, clock, log or plot."""
