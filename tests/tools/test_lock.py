"""The lock serves requirements.txt and the package: each requirement is pinned within its range."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def requirements(name):
    """Requirements in a file of the repository, without its comments."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(text) for line in lines if (text := re.sub(r"\s*#.*", "", line))]


PINS = [(canonicalize_name(pin.name), pin) for pin in requirements("requirements.lock")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = [each for group in PROJECT["optional-dependencies"].values() for each in group]
WANTED = {
    *map(str, requirements("requirements.txt")),
    *(str(Requirement(text)) for text in [*PROJECT["dependencies"], *EXTRAS]),
}


@pytest.mark.parametrize("text", sorted(WANTED))
def test_each_requirement_is_pinned_within_its_range(text):
    wanted = Requirement(text)
    (pin,) = (pin for name, pin in PINS if name == canonicalize_name(wanted.name))
    (version,) = pin.specifier
    assert version.operator == "=="
    assert wanted.specifier.contains(version.version, prereleases=True)


def test_one_version_of_each_package_serves_every_python():
    names = [name for name, _ in PINS]
    assert len(names) == len(set(names))


def test_what_every_system_needs_is_pinned_on_every_system():
    for name, pin in PINS:
        assert pin.marker is None or name not in ("torch", "numpy", "pytest")


def test_cuda_libraries_are_left_to_torch():
    assert not [name for name, _ in PINS if name.startswith(("cuda-", "nvidia-", "triton"))]
