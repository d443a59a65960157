"""Rows of takedowns."""
