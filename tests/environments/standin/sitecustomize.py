"""Colab's kernel has these modules loaded before the first cell runs."""

import google.colab
import google.colab.output  # noqa: F401
