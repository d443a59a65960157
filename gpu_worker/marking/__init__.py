"""Marks that every render carries: one to be seen, one to be found."""
