"""Admin pages of notifications: none yet."""
