"""The harness that calls an answer, and what several checks share."""
