"""Admin pages of outbox: none yet."""
