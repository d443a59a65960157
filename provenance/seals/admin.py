"""Admin pages of seals."""
