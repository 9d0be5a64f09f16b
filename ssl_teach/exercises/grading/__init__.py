"""Grading: the sandbox that runs answers, grades, and the gradebook."""
