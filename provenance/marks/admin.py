"""Admin pages of marks."""
