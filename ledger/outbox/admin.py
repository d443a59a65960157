"""Admin pages of outbox."""
