"""Admin pages of optouts."""
