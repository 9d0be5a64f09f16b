"""What lessons share: examples of each class, neighbours, accuracies by stage, findings."""

import pytest
import torch
import torch.nn.functional as F

from ssl_teach.data import load
from ssl_teach.encoders import ConvNet
from ssl_teach.evaluation import features
from ssl_teach.lessons import claim, compare, cosine_neighbours, first_of_each, gain_plot, stages
from ssl_teach.lessons.book_map import book_map
from ssl_teach.statistics import spread


def test_examples_come_one_of_each_class_at_a_time():
    labels = torch.tensor([2, 0, 0, 1, 2, 1, 0])
    assert first_of_each(labels) == [1, 3, 0]
    assert first_of_each(labels, 2) == [1, 3, 0, 2, 5, 4]


def test_neighbours_are_the_nearest_others():
    torch.manual_seed(0)
    encoder = ConvNet(channels=1, widths=(4, 8)).eval()
    images = torch.randint(0, 256, (6, 1, 16, 16)).byte()
    h = F.normalize(torch.from_numpy(features(encoder, images)[-1]), dim=1)
    for row, found in enumerate(cosine_neighbours(encoder, images, 2).tolist()):
        others = [other for other in range(6) if other != row]
        assert found == sorted(others, key=lambda other: -float(h[row] @ h[other]))[:2]


def test_stages_are_read_in_their_order():
    metrics = {"linear": 0.9, "linear_stage_2": 0.2, "linear_stage_1": 0.1, "linear_stage_1@1%": 0}
    assert stages(metrics) == [0.1, 0.2]


def test_a_comparison_names_the_verdict_and_the_interval(capsys):
    compare("scenes-simclr", "scenes-random", "SimCLR, against random", {"linear": "last stage"})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("SimCLR, against random, last stage: better, +")
    assert line.endswith(")") and "95% interval +" in line


def test_gains_are_drawn_with_their_intervals():
    gain = spread([0.1, 0.2, 0.3])
    ax = gain_plot({"a": {"last": gain, "best": gain}, "b": {"last": gain, "best": gain}}).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    first = ax.containers[0]
    assert list(first[0].get_xdata()) == pytest.approx([20, 20])


def test_a_finding_that_does_not_hold_stops_the_lesson(capsys):
    claim("It holds.", True)
    assert capsys.readouterr().out == "✓ It holds.\n"
    with pytest.raises(AssertionError, match="does not hold: It fails"):
        claim("It fails.", False)


def test_the_map_holds_every_lesson_but_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # no notebooks here, so every page counts
    nodes = [node for part in book_map().values() for node in part]
    names = {node["name"] for node in nodes}
    assert len(names) == len(nodes) == 16
    assert all(set(node["after"]) <= names for node in nodes)
    assert [node["name"] for node in nodes if not node["page"]] == ["labels"]
    assert load("scenes", size=64, count=250).images.shape[-1] == nodes[0]["given"][0].shape[0]
