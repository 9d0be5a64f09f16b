"""Records and files: whole or not at all, and numbers with their spread."""

import json
import re

import numpy as np
import pytest

from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import Record, all_records, book_record, difference, load_record
from ssl_teach.files import write_atomically
from ssl_teach.lessons.tables import results_table, table
from ssl_teach.statistics import spread
from ssl_teach.training.curve import Curve


def record(values=(0.5, 0.6, 0.7)):
    runs = [{"seed": i, "seconds": 1.0, "metrics": {"linear": v}} for i, v in enumerate(values)]
    return Record("trial", {"task": "rotation", "steps": 3}, runs)


def test_spread_is_students_interval():
    x = [0.70, 0.72, 0.77, 0.71]
    s = spread(x)
    assert s.mean == pytest.approx(np.mean(x))
    assert s.sd == pytest.approx(np.std(x, ddof=1))
    assert s.high - s.mean == pytest.approx(3.1824 * s.sd / 2, rel=1e-4)  # t(0.975, 3) = 3.1824
    assert str(spread([0.5])) == "50.0"
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_a_record_is_read_back_as_written(tmp_path):
    path = record().save(tmp_path / "deep" / "trial.json")
    assert load_record(path) == record()
    assert [p.name for p in path.parent.iterdir()] == ["trial.json"]


def test_a_record_tells_what_it_ran_on(tmp_path):
    stored = json.loads(record().save(tmp_path / "r.json").read_text())
    assert {"torch", "commit", "python", "threads"} <= set(stored["environment"])


def test_a_missing_metric_is_named():
    with pytest.raises(KeyError, match="knn"):
        record().values("knn")


WHOLE = {
    "name": "a",
    "settings": {},
    "runs": [{"seed": 0, "seconds": 1.0, "metrics": {"knn": 0.5}}],
    "environment": {},
    "schema": 1,
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": 99}', "schema is 99"),
        (json.dumps(WHOLE | {"schema": True}), "schema is True"),
        (json.dumps(WHOLE | {"more": 1}), "'more'"),
        (json.dumps(WHOLE | {"runs": {}}), "its runs is a dict, not a list"),
        (json.dumps(WHOLE | {"settings": 3}), "its settings is a int, not a dict"),
        (json.dumps(WHOLE | {"runs": [1]}), "run 0 lacks"),
        (json.dumps(WHOLE | {"runs": [{"seed": 0}]}), "run 0 lacks"),
        (json.dumps(WHOLE | {"runs": [{"seed": 0, "metrics": {"knn": "x"}}]}), "knn of run 0"),
        ("[1]", "not an object"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_words(tmp_path, text, said):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=re.escape(said)):
        load_record(tmp_path / "x.json")


def test_a_file_without_a_text_is_refused_in_words(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"x\.json is not a run record"):
        load_record(tmp_path / "x.json")


def test_the_smallest_record_is_read(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(WHOLE))
    assert load_record(tmp_path / "x.json").values("knn") == [0.5]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_table_says_na_where_a_record_has_no_such_metric():
    table = results_table({"one": record()}, {"linear": "probe", "knn": "k-NN"}).data
    assert "| one | 60.0\u00a0±\u00a024.8 | n/a | 3 | `trial` |" in table


def test_a_curve_keeps_quantities_aligned():
    curve = Curve()
    curve.append({"loss": 1.0})
    curve.append({"loss": 0.5, "late": 2.0})
    assert len(curve) == 2
    assert np.isnan(curve.values["late"][0]) and curve.values["late"][1] == 2.0
    assert "0.750" in repr(curve)


def test_a_table_keeps_a_number_and_its_spread_together():
    text = table(
        {"rotation": {"last": "86.7 ± 4.5", "k-NN": "n/a"}, "SimCLR": {"last": "1", "k-NN": "2"}}
    ).data
    assert text.splitlines()[0] == "|  | last | k-NN |"
    assert "86.7\u00a0±\u00a04.5 | n/a |" in text and len(text.splitlines()) == 4


def test_columns_of_numbers_stand_to_the_right_and_words_to_the_left():
    row = {"gain": "−1.0 ± 2.0, better", "rule": "fine-tune all", "k-NN": "n/a", "steps": "+3"}
    aligned = table({"one": row}).data.splitlines()[1]
    assert aligned == "| :-- | --: | :-- | --: | --: |"


def test_many_quantities_of_a_curve_stand_in_rows_of_three():
    for count, columns in ((1, 1), (2, 2), (3, 3), (4, 2), (5, 3)):
        curve = Curve()
        curve.append({name: 1.0 for name in ["loss", *"abcd"][:count]})
        axes = curve.figure().axes
        assert [ax.get_ylabel() for ax in axes] == list(curve.values)
        assert axes[0].get_subplotspec().get_gridspec().ncols == columns


def test_a_difference_is_taken_seed_by_seed():
    ours, theirs = record((0.5, 0.7, 0.9)), record((0.4, 0.6, 0.8))
    d = difference(ours, theirs)
    assert (d.mean, d.n) == (pytest.approx(0.1), 3) and d.sd == pytest.approx(0)
    assert difference(ours, theirs).verdict("above", "below") == "above"
    assert difference(theirs, ours).verdict() == "worse"
    unclear = difference(ours, record((0.1, 0.7, 1.2)))
    assert unclear.verdict() == "not significantly different over these seeds"
    with pytest.raises(ValueError, match="not paired"):
        difference(ours, record((0.5, 0.6)))


def test_stages_are_told_in_order():
    runs = [{"seed": 0, "seconds": 1.0, "metrics": {f"linear_stage_{i}": i / 10 for i in (2, 1)}}]
    runs[0]["metrics"]["linear_stage_1@10%"] = 0.0
    assert [s.mean for s in Record("trial", {}, runs).stages()] == [0.1, 0.2]


def test_a_spread_in_other_units():
    s = spread([1.0, 2.0, 3.0])
    assert s.text(1, 2) == "2.00 ± 2.48" and str(s) == s.text() == "200.0 ± 248.4"
    assert spread([-0.0002]).text() == "0.0"  # not −0.0


def test_a_table_names_the_records_behind_it_once():
    assert "Record" not in table({"row": {"column": "1"}}).data
    simclr, untaught = book_record("scenes-simclr"), book_record("scenes-random")
    rows = {"gain": {"linear": difference(simclr, untaught).text()}}
    shown = table(rows, [simclr, "scenes-random", untaught]).data
    assert shown.endswith(" |\n\nRecords: `scenes-simclr`, `scenes-random`")
    assert table(rows, [untaught]).data.endswith("\n\nRecord: `scenes-random`")
    named = {"`scenes-random`": {"k-NN": "1"}}
    assert "Record" not in table(named, [untaught]).data  # named already


def test_all_records_are_found_by_name_and_a_wrong_name_is_refused(tmp_path):
    record().save(tmp_path / "trial.json")
    assert all_records(tmp_path) == {"trial": record()}
    record().save(tmp_path / "other.json")
    with pytest.raises(ValueError, match="holds the record 'trial'"):
        all_records(tmp_path)


def old(name, task, options, **more):
    """A record of schema 1: SimCLR's choices were settings of every experiment."""
    moved = {"temperature": 0.2, "strength": 0.5, "crop": 0.3, "hue": None}
    settings = {"task": task, "data": "scenes", "options": options, **moved, **more}
    if options is None:  # as in the very first records
        del settings["options"]
    runs = [{"seed": 0, "seconds": 1.0, "metrics": {"linear": 0.5, "told_apart": 0.7}}]
    return {
        "name": name, "settings": settings, "runs": runs, "environment": {}, "schema": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("task", "options", "becomes", "expected"),
    [
        ("rotation", {}, "rotation", {}),
        ("random", {}, "random", {}),
        ("simclr", None, "simclr", {"head": "mlp", "temperature": 0.2, "crop": 0.3}),
        ("simclr", {"head": "none"}, "simclr", {"head": "none", "temperature": 0.2, "crop": 0.3}),
        ("simclr", {"mistake": "wrong_axis"}, "wrong_loss", {"mistake": "wrong_axis", "crop": 0.3}),
        ("super_resolution", {}, "super_resolution", {"content_steps": 0, "content_crop": 0.08}),
        ("super_resolution", {"content_steps": 5}, "super_resolution", {"content_crop": 0.3}),
    ],
)
def test_a_record_of_the_first_schema_reads_as_one_of_today(
    task, options, becomes, expected, tmp_path
):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(old("x", task, options)))
    before = path.read_bytes()
    record = load_record(path)
    experiment = Experiment.from_record(record)
    assert experiment.task == becomes and experiment.options.items() >= expected.items()
    assert record.values("discriminator_auc") == [0.7] and record.schema == 2
    assert path.read_bytes() == before
    record.save(tmp_path / "y.json")
    assert Experiment.from_record(load_record(tmp_path / "y.json")) == experiment


def test_a_transfer_of_the_first_schema_reads_as_one_of_today(tmp_path):
    source = old("s", "supervised", {})["settings"]
    target = old("t", "random", {})["settings"]
    content = old("x", "", {}) | {"settings": {"source": source, "target": target, "labels": 5}}
    (tmp_path / "x.json").write_text(json.dumps(content))
    settings = load_record(tmp_path / "x.json").settings
    assert "crop" not in settings["source"] and "crop" not in settings["target"]
