"""Admin pages of consent."""
