"""Admin pages of log."""
