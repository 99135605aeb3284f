"""Quality control of gamma cameras and PET scanners."""

__version__ = "0.1.0"
