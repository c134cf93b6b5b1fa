"""The ``epitaxy`` command: see ``main``."""
