"""Notebooks of an assignment, exercises in lessons, and the tables of the instructor's page."""
