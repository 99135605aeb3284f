"""Commissioning: every metric measured on phantoms of known truth, held against requirements kept as data."""
