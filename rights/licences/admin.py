"""Admin pages of licences."""
