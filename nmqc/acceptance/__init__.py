"""Acceptance: a protocol of tests against a folder of acquisitions, judged with the uncertainty in view."""
