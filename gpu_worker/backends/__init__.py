"""Backends: ways of making a video. `registry` knows them by name."""
