"""Measurements of nmqc itself: `python -m benchmarks uniformity` (speed), `python -m benchmarks validation`."""
