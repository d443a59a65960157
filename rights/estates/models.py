"""Rows of estates."""
