"""How values show themselves in a notebook: escaped HTML without scripts, and a progress bar."""

from epitaxy.client.notebook.bar import notebook_progress

__all__ = ["notebook_progress"]
