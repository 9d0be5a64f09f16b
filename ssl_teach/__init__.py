"""Self-supervised learning, small enough to read: the package behind Learning Without Labels."""

__version__ = "0.1.0"
