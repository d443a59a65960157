"""Admin pages of vault."""
