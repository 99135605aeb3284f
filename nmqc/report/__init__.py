"""Showing results: JSON, the terminal, figures and PDF. Nothing here measures or judges."""
