"""The lock: its two files agree, serve requirements.txt and the package, and have whole hashes."""

import re
import tomllib
from pathlib import Path

import lock
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / lock.LOCK).read_text(encoding="utf-8")
HASHES = (ROOT / lock.HASHES).read_text(encoding="utf-8")

SMALL = """\
# opening words of the hashed file
appnope==1.0.0 ; sys_platform == 'darwin' \\
    --hash=sha256:{a}
jinja2==3.1.6 \\
    --hash=sha256:{b} \\
    --hash=sha256:{c}
nvidia-cublas==13.1.1.3 ; sys_platform == 'linux' \\
    --hash=sha256:{c}
overrides==7.7.0 ; python_full_version < '3.12' and (sys_platform == 'darwin' or sys_platform == 'linux') \\
    --hash=sha256:{c}
triton==3.8.0 ; sys_platform == 'linux' \\
    --hash=sha256:{c}
""".format(a="a" * 64, b="b" * 64, c="c" * 64)  # noqa: E501


def wanted() -> list[str]:
    """Requirements of the book and of the package, the optional ones included."""
    lines = (ROOT / lock.WANTED).read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [each for group in project["optional-dependencies"].values() for each in group]
    written = [re.sub(r"\s*#.*", "", line) for line in lines]
    return sorted({*filter(None, written), *project["dependencies"], *extras})


def test_both_files_name_the_same_versions():
    assert lock.constraints(HASHES, LOCK) == LOCK, "remake them: make lock"


@pytest.mark.parametrize("text", wanted())
def test_what_is_wanted_is_pinned_within_its_range(text):
    requirement = Requirement(text)
    version = lock.pins(LOCK).get(lock.normal(requirement.name))
    assert version, f"{requirement.name} is not in the lock: make lock"
    assert requirement.specifier.contains(Version(version), prereleases=True)


def test_every_package_has_hashes_and_no_file_two_packages():
    hashes = lock.hashes_of(HASHES)
    assert hashes.keys() == lock.pins(HASHES).keys()
    sums = [each for found in hashes.values() for each in found]
    assert len(sums) == len(set(sums)) == HASHES.count("--hash=")


def test_constraints_leave_out_what_cpu_builds_and_other_systems_lack():
    before = "# kept\nJinja2==3.1.5\ngone==1\n"
    assert lock.constraints(SMALL, before) == "# kept\nJinja2==3.1.6\noverrides==7.7.0\n"


def test_hashes_belong_to_the_package_above_them():
    assert lock.hashes_of(SMALL)["jinja2"] == {"b" * 64, "c" * 64}
    assert lock.hashes_of(SMALL)["appnope"] == {"a" * 64}


def test_two_versions_of_one_package_are_refused():
    with pytest.raises(ValueError, match="two versions"):
        lock.pins("Jinja2==3.1.6\njinja2==3.1.5 ; python_version < '3.12'\n")


def test_a_python_that_is_too_new_fails_instead_of_installing_nothing():
    for line in HASHES.splitlines():
        if line.startswith(("torch==", "numpy==", "pytest==")):
            assert ";" not in line
