"""Flood uniformity of planar images."""
