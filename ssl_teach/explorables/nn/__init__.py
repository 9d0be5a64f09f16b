"""The small networks that run in the page."""
