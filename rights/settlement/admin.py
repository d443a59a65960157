"""Admin pages of settlement."""
