"""Admin pages of cameos."""
