"""Experiments: complete, named settings, what runs them, and the records of their results."""

from __future__ import annotations

from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import Record, all_records, book_record, difference, load_record
from ssl_teach.experiments.registry import ALL_EXPERIMENTS, EXPERIMENTS, TRANSFERS
from ssl_teach.experiments.transfer import Transfer

__all__ = [
    "ALL_EXPERIMENTS",
    "EXPERIMENTS",
    "TRANSFERS",
    "Experiment",
    "Record",
    "Transfer",
    "all_records",
    "book_record",
    "difference",
    "load_record",
]
