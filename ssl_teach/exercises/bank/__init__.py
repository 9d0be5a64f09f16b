"""The exercises: one module for each lesson that has checked ones, and `written/` for the rest."""
