"""Admin pages of http."""
