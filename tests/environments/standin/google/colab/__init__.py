"""Stands in for Colab's own package: what anywidget and matplotlib's users look for, no more."""
