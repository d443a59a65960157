"""Admin pages of lookup: none yet."""
