"""Admin pages of renders."""
