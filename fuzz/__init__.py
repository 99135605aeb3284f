"""Hostile and broken input: what nmqc must survive, made here and thrown at it."""
