"""Rows of seals."""
