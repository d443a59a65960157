"""Rows of lookup."""
