"""Rows of optouts."""
