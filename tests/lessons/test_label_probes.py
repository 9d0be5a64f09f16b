"""Lesson 1 draws probes with the numbers of their records."""

import pytest

from ssl_teach.experiments import book_record
from ssl_teach.lessons.figures import LABEL_LOOKS
from ssl_teach.lessons.label_probes import PROBED, probe_lines


@pytest.mark.parametrize("data", PROBED)
def test_probes_are_drawn_with_the_accuracies_of_their_records(data):
    lines = probe_lines(data, {10: 60, 100: 600})
    assert set(lines) == {*LABEL_LOOKS} - {"supervised"}
    record = book_record(f"league-{data}-rotation")
    wanted = [(60, record.spread("linear@10%")), (600, record.spread("linear"))]
    assert lines["rotation, probe"] == wanted
