"""Admin pages of estates."""
