"""Admin pages of takedowns."""
