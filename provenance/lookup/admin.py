"""Admin pages of lookup."""
