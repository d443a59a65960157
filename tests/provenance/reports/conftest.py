from tests.provenance.renders.conftest import render_settings

__all__ = ["render_settings"]
