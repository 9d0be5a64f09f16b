"""Every strategy trains what it says, and the one reported is the one validation data chose."""

from dataclasses import replace

import pytest
import torch

from ssl_teach import evaluation
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.experiments import transfer
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.registry import TRANSFERS
from ssl_teach.experiments.transfer import Transfer, strategies, trained_parameters
from ssl_teach.tasks.supervised import Supervised
from ssl_teach.training.pretrain import pretrain

SOURCE = Experiment("supervised", "scenes", steps=3, batch_size=8, count=250)
CELL = Transfer(
    SOURCE, replace(SOURCE, data_seed=1), labels=5, steps=2, rates=(1e-3,), blocks=(1, 4), test=20
)


def test_held_blocks_keep_weights_and_statistics_and_the_others_move():
    torch.manual_seed(0)
    encoder = ConvNet(channels=1, widths=(4, 8, 8))
    encoder.freeze(2)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    images = torch.randint(0, 256, (24, 1, 16, 16), dtype=torch.uint8)
    labels = torch.arange(24) % 3
    pretrain(
        encoder, Supervised(encoder.widths, 3), images, labels, steps=3, batch_size=8,
        lr=0.1, progress=False,
    )  # fmt: skip
    changed = {k for k, v in encoder.state_dict().items() if not torch.equal(v, before[k])}
    assert changed and all(name.startswith("blocks.2") for name in changed)
    assert {"blocks.2.0.weight", "blocks.2.1.running_mean"} <= changed


def test_holding_none_lets_all_move_again_and_too_many_are_refused():
    encoder = ConvNet(widths=(4, 8))
    encoder.freeze(2)
    assert not any(p.requires_grad for p in encoder.parameters())
    encoder.train().freeze(0)
    assert all(p.requires_grad for p in encoder.parameters())
    assert all(block.training for block in encoder.blocks)
    with pytest.raises(ValueError, match="blocks to freeze must be"):
        encoder.freeze(3)


def test_parameters_are_those_that_may_move():
    encoder = ConvNet()
    for strategy in strategies(encoder):
        probe = ConvNet()
        kind, _, number = strategy.partition("_")
        probe.freeze({"probe": 4, "scratch": 0}.get(kind, 4 - int(number or 0)))
        moving = sum(p.numel() for p in probe.parameters() if p.requires_grad)
        head = sum(p.numel() for p in Supervised(encoder.widths, 7).head.parameters())
        assert trained_parameters(encoder, strategy, 7) == moving + head


def test_one_entry_has_every_strategy_and_the_choice_of_the_validation_data():
    entry = transfer.run_transfer(CELL, 0, progress=False)
    metrics = entry["metrics"]
    names = ["probe_4", "probe_3", "probe_2", "probe_1", "tune_1", "tune_4", "scratch"]
    assert strategies(ConvNet(), (1, 4)) == names
    for name in names:
        assert {name, f"{name}_val", f"{name}_seconds", f"{name}_parameters"} <= set(metrics)
    best = max(metrics[f"{name}_val"] for name in names)
    assert entry["choice"] == next(n for n in names if metrics[f"{n}_val"] == best)
    assert metrics["chosen"] == metrics[entry["choice"]]
    again = transfer.run_transfer(CELL, 0, progress=False)["metrics"]
    assert all(again[name] == metrics[name] for name in names)


def test_the_test_split_is_cut_and_the_labels_are_as_many_as_said(monkeypatch):
    seen = []
    probe = evaluation.linear_probe
    monkeypatch.setattr(transfer.evaluation, "linear_probe", lambda d: seen.append(d) or probe(d))
    transfer.run_transfer(replace(CELL, blocks=(1,)), 0, progress=False)
    for data in seen:
        assert len(data.test[0]) == 20
        drawn = len(data.train[0]) + len(data.val[0])
        assert 45 <= drawn <= 55  # five for each of ten classes that are not quite equally large
        assert len(data.val[0]) == 10


def test_grey_pictures_become_colours_that_agree():
    cell = replace(CELL, target=Experiment("random", "digits"))
    data = cell.load()
    assert data.images.shape[1] == 3
    assert torch.equal(data.images[:, 0], data.images[:, 2])


def test_the_books_cells_differ_only_in_what_the_table_varies():
    cells = {
        name: c
        for name, c in TRANSFERS.items()
        if name.startswith("transfer-") and "imagenet" not in name
    }
    assert set(cells) == {
        f"transfer-{kind}-{amount}"
        for kind in ("similar", "different")
        for amount in ("little", "much")
    }
    assert len({(repr(c.source), c.steps, c.batch_size, c.rates) for c in cells.values()}) == 1
    for amount in ("little", "much"):
        pair = [cells[f"transfer-{kind}-{amount}"] for kind in ("similar", "different")]
        assert pair[0].labels == pair[1].labels
    for kind in ("similar", "different"):
        pair = [cells[f"transfer-{kind}-{amount}"] for amount in ("little", "much")]
        assert pair[0].target == pair[1].target and pair[0].labels < pair[1].labels
