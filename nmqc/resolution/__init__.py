"""Spatial resolution, linearity and pixel size: four-quadrant bars, slit mask, line sources."""
