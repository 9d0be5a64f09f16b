"""Encoders f: images in, features of every stage out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import resnet18


class Encoder(nn.Module):
    """Base of all encoders: a list of stages, most of which halve the picture; the last is pooled.

    A subclass sets `widths` and fills `blocks`; tasks and probes rely on nothing else.

    Attributes:
        widths: channels of each stage, first to last.
        blocks: one module per stage, applied in turn.
        held: how many of the first blocks stay as they are; see `hold`.
    """

    widths: tuple[int, ...]
    blocks: nn.ModuleList
    held: int = 0

    def __init__(self) -> None:
        """Without stages; a subclass fills `blocks`."""
        super().__init__()

    def hold(self, count: int) -> None:
        """Hold the first blocks still, and let the others move: what fine-tuning in part needs.

        Held blocks get no gradients, and they stay in evaluation mode whatever `train` says, so
        that their batch norm keeps its running statistics as well as its weights.

        Args:
            count: of blocks, from the image upwards; 0 lets all of them move.

        Raises:
            ValueError: if there are not so many blocks.
        """
        if not 0 <= count <= len(self.blocks):
            raise ValueError(f"cannot hold {count} blocks: the encoder has {len(self.blocks)}")
        self.held = count
        for number, block in enumerate(self.blocks):
            block.requires_grad_(number >= count)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Training mode for all but the held blocks; see `torch.nn.Module.train`."""
        super().train(mode)
        for block in self.blocks[: self.held]:
            block.eval()
        return self

    def prepare(self, images: Tensor) -> Tensor:
        """Pictures in [0, 1] as the first block takes them: centred, so that it sees both signs."""
        return (images - 0.5) / 0.25

    def stages(self, images: Tensor) -> list[Tensor]:
        """Feature maps of every stage.

        Args:
            images: (B, C, H, W) in [0, 1]; any H and W.

        Returns:
            One (B, C_l, H_l, W_l) tensor per stage, first to last.
        """
        if images.ndim != 4 or not images.is_floating_point():
            raise ValueError(
                f"an encoder takes float images (B, C, H, W) in [0, 1], "
                f"got {tuple(images.shape)} of {images.dtype}; divide uint8 images by 255"
            )
        x = self.prepare(images)
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """The representation h = f(x): the last stage, averaged over its positions.

        Args:
            images: (B, C, H, W) in [0, 1].

        Returns:
            (B, D) with D = widths[-1].
        """
        return self.stages(images)[-1].mean(dim=(2, 3))


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":  # mixes no images of a batch, so it is the same on any number of devices
        return nn.GroupNorm(min(8, channels), channels)
    if kind == "sync":  # statistics of the whole batch, wherever its parts lie; needs GPUs
        return nn.SyncBatchNorm(channels)
    raise ValueError(f"norm must be 'batch', 'group' or 'sync', got {kind!r}")


class ConvNet(Encoder):
    """The default: four strided 3×3 convolutions, quick to train on a processor."""

    def __init__(
        self, channels: int = 3, widths: Sequence[int] = (32, 64, 128, 256), norm: str = "batch"
    ) -> None:
        """Its weights are random, drawn as torch draws them.

        Args:
            channels: of the images: 3 for colour, 1 for grey.
            widths: channels of each stage; each stage halves height and width.
            norm: "batch", "group" or "sync" (batch norm over several processes; on GPUs alone).
        """
        super().__init__()
        self.widths = tuple(widths)
        sizes = [channels, *widths]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c_in, c_out, kernel_size=3, stride=2, padding=1, bias=False),
                _norm(norm, c_out),
                nn.ReLU(inplace=True),
            )
            for c_in, c_out in pairwise(sizes)
        )


class VGG(Encoder):
    """A VGG-style stack: per stage two 3×3 convolutions, then a 2×2 maximum.

    Source: Simonyan and Zisserman, 2015, configuration B, narrower and with normalisation.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (32, 64, 128, 256, 256),
        norm: str = "batch",
    ) -> None:
        """The arguments are those of `ConvNet`."""
        super().__init__()
        self.widths = tuple(widths)
        sizes = [channels, *widths]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c_in, c_out, kernel_size=3, padding=1, bias=False),
                _norm(norm, c_out),
                nn.ReLU(inplace=True),
                nn.Conv2d(c_out, c_out, kernel_size=3, padding=1, bias=False),
                _norm(norm, c_out),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2, ceil_mode=True),  # ceil: a 1-pixel map stays a map
            )
            for c_in, c_out in pairwise(sizes)
        )


class ResNet18(Encoder):
    """ResNet-18 with the stem for small images: a 3×3 convolution and no first pooling.

    Source: He et al., 2016; the stem is the one SimCLR uses for CIFAR-10 (Chen et al., 2020, B.9).
    """

    def __init__(self, channels: int = 3, norm: str = "batch") -> None:
        """The arguments are those of `ConvNet`."""
        super().__init__()
        self.widths = (64, 128, 256, 512)
        net = resnet18(weights=None, norm_layer=lambda c: _norm(norm, c))
        stem = nn.Sequential(
            nn.Conv2d(channels, 64, kernel_size=3, padding=1, bias=False), net.bn1, net.relu
        )
        self.blocks = nn.ModuleList(
            [nn.Sequential(stem, net.layer1), net.layer2, net.layer3, net.layer4]
        )

    def reset_parameters(self) -> None:
        """Draw the weights anew, as they were drawn: all but the stem's as torchvision does."""
        stem, *others = (module for module in self.modules() if isinstance(module, nn.Conv2d))
        stem.reset_parameters()
        draw_as_torchvision(others)


def draw_as_torchvision(convolutions: Iterable[nn.Conv2d]) -> None:
    """Draw the weights of a ResNet's convolutions as torchvision does.

    Source: He et al., 2015, equation 10, with the number of outputs in place of that of inputs.
    """
    for each in convolutions:
        nn.init.kaiming_normal_(each.weight, mode="fan_out", nonlinearity="relu")


ENCODERS = {"convnet": ConvNet, "vgg": VGG, "resnet18": ResNet18}


def build_encoder(name: str, channels: int = 3, norm: str = "batch") -> Encoder:
    """An encoder by its name.

    Args:
        name: "convnet", "vgg" or "resnet18".
        channels: of the images.
        norm: "batch", "group" or "sync".

    Raises:
        ValueError: if there is no encoder of that name.
    """
    if name not in ENCODERS:
        raise ValueError(f"no encoder is called {name!r}; there are {', '.join(ENCODERS)}")
    return ENCODERS[name](channels=channels, norm=norm)


def export_weights(
    encoder: Encoder, head: nn.Linear | nn.Sequential
) -> tuple[list[dict[str, object]], bytes]:
    """Weights of a trained `ConvNet` and its head, for the small network in the page.

    Batch norm in evaluation mode is a scale and a shift per channel, so it is folded into the
    convolution or the linear layer before it: w' = w · γ/σ, b' = β + (b - μ) · γ/σ.

    Args:
        encoder: a `ConvNet` with batch norm.
        head: a linear layer, or several with batch norm and ReLUs between, such as a
            `ProjectionHead`; on the pooled representation, or on those of several images side by
            side.

    Returns:
        The layers, each a dict of kind, in, out (and stride, or whether a relu follows), and
        their weights as little-endian half precision: per layer the weight in C order, then the
        bias.

    Raises:
        ValueError: if encoder or head are of a kind that the page cannot compute.
    """
    normed = any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())
    if not isinstance(encoder, ConvNet) or not normed:
        raise ValueError("only a ConvNet with batch norm can be exported to a page")
    layers: list[dict[str, object]] = []
    parts: list[np.ndarray] = []
    with torch.no_grad():
        for block in encoder.blocks:
            assert isinstance(block, nn.Sequential)
            conv, norm, _ = block
            assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            c_out, c_in = conv.weight.shape[:2]
            layers.append({"kind": "conv", "in": c_in, "out": c_out, "stride": conv.stride[0]})
            parts += _folded(conv, norm)
        modules = [head] if isinstance(head, nn.Linear) else list(head)
        for before, module in zip([None, *modules], modules, strict=False):
            if isinstance(module, nn.Linear):
                sizes = {"in": module.in_features, "out": module.out_features}
                layers.append({"kind": "linear", **sizes, "relu": False})
                parts += _folded(module)
            elif isinstance(module, nn.BatchNorm1d) and isinstance(before, nn.Linear):
                parts[-2:] = _folded(before, module)
            elif isinstance(module, nn.ReLU) and layers[-1]["kind"] == "linear":
                layers[-1]["relu"] = True
            else:
                raise ValueError(
                    f"a head of Linear, BatchNorm1d after it, and ReLU can be exported to a page, "
                    f"not {module}"
                )
    return layers, b"".join(part.astype("<f2").tobytes() for part in parts)


def _folded(
    layer: nn.Conv2d | nn.Linear, norm: nn.BatchNorm1d | nn.BatchNorm2d | None = None
) -> list[np.ndarray]:
    """Weight and bias of a layer, with the batch norm after it, if any, folded in."""
    weight = layer.weight
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias
    if norm is not None:
        assert norm.running_var is not None and norm.running_mean is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # (out,)
        bias = norm.bias + (bias - norm.running_mean) * scale
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    return [weight.cpu().numpy(), bias.cpu().numpy()]
