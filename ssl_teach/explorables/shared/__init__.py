"""The parts that the interactive figures share."""
