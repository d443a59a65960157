"""Admin pages of reports."""
