"""What GitHub would run: commands and files that exist, Pythons that serve, few rights.

And names, versions and links that stand in more than one file.
"""

import re
import tomllib
from pathlib import Path

import make_venv
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
# what may write, and what
MAY_WRITE = {
    ("pages", "deploy"): {"pages", "id-token"},
    ("release", "pypi"): {"id-token"},
    ("release", "github"): {"contents"},
}
BUILT = ("_build/", "dist", "files", "pages", "notes.md")  # made by the workflows themselves
by_name = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
by_file = pytest.mark.parametrize(
    "path", [*WORKFLOWS, *ACTIONS], ids=lambda path: str(path.relative_to(ROOT / ".github"))
)


def parsed(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(path):
    """Jobs by name; an action counts as one."""
    read = parsed(path)
    return read["jobs"] if "jobs" in read else {"": read["runs"]}


def steps(path):
    return [step for job in jobs(path).values() for step in job.get("steps", [])]


def commands(path):
    return "\n".join(step["run"] for step in steps(path) if "run" in step)


def matrix(job):
    """All values that a job's matrix gives to each of its names."""
    given = job.get("strategy", {}).get("matrix", {})
    found = {name: list(values) for name, values in given.items() if name != "include"}
    for each in given.get("include", []):
        for name, value in each.items():
            found.setdefault(name, []).append(value)
    return found


def pythons(path):
    """Versions that are named for a step, or by a job's matrix, or by an action's input."""
    for job in jobs(path).values():
        yield from matrix(job).get("python", [])
        for step in job.get("steps", []):
            version = step.get("with", {}).get("python-version", "")
            if version and "${{" not in version:
                yield version
    default = (parsed(path).get("inputs") or {}).get("python-version", {}).get("default")
    yield from [default] if default else []


def test_there_are_workflows():
    assert {path.stem for path in WORKFLOWS} >= {"test", "pages", "links", "release", "audit"}
    assert ACTIONS


@by_file
def test_what_make_is_asked_for_is_there(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][\w%-]*):", makefile, re.MULTILINE)
    patterns = [re.compile(re.escape(target).replace("%", ".+")) for target in targets]
    for line in re.findall(r"^make (.+)", commands(path), re.MULTILINE):
        for word in line.replace('"', "").split():
            assert any(pattern.fullmatch(word) for pattern in patterns), f"make {word}"


@by_file
def test_files_that_are_named_are_there(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"\b(?:tools|tests)/[\w./-]+|\brequirements[\w.]+|\bLICENSE[\w-]*", text)
    named += re.findall(r"\./(README|CONTRIBUTING|CHANGELOG)\.md", text)
    for name in named:
        assert (ROOT / name).exists() or (ROOT / f"{name}.md").exists(), name
    for patterns in re.findall(r"hashFiles\(([^)]*)\)", text):
        for pattern in re.findall(r"'([^']+)'", patterns):
            assert pattern.startswith(BUILT) or any(ROOT.glob(pattern)), pattern
    for step in [*steps(path), *jobs(path).values()]:
        if (used := step.get("uses", "")).startswith("./"):
            here = ROOT / used
            assert here.is_file() or (here / "action.yml").is_file(), used
    read = parsed(path)
    for pattern in (read.get(True, {}).get("pull_request") or {}).get("paths", []):
        assert any(ROOT.glob(pattern)), pattern  # YAML takes the word `on` for true


@by_file
def test_an_action_of_ours_is_given_what_it_takes(path):
    for step in steps(path):
        if step.get("uses", "").startswith("./"):
            takes = parsed(ROOT / step["uses"] / "action.yml")["inputs"]
            assert set(step.get("with", {})) <= set(takes)


@by_file
def test_actions_of_others_are_named_by_version(path):
    for step in steps(path):
        used = step.get("uses", "./")
        assert used.startswith("./") or re.search(r"@(v\d+|release/v\d+|[0-9a-f]{40})$", used), used


@by_file
def test_no_secret_is_asked_for(path):
    assert "secrets." not in path.read_text(encoding="utf-8")


@by_file
def test_what_is_installed_by_name_has_a_version_or_a_hash(path):
    for words in re.findall(r"pip install (.*)", commands(path)):
        by_hash = "--require-hashes" in words or "-c requirements.lock" in words
        asked = [word for word in words.split() if not word.startswith("-")]
        assert by_hash or all("==" in word for word in asked), words


@by_name
def test_a_workflow_may_little_and_ends(path):
    workflow = parsed(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job or "uses" in job, name
        rights = {k for k, v in job.get("permissions", {}).items() if v != "read"}
        assert rights == MAY_WRITE.get((path.stem, name), set()), name
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@by_name
def test_jobs_wait_for_jobs_that_are_there_and_fetch_what_one_of_them_left(path):
    found, left = jobs(path), set()
    for job in found.values():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(found)
    for step in steps(path):
        if step.get("uses", "").startswith("actions/upload-artifact"):
            assert step["with"]["name"] not in left, "one name, two artifacts"
            left.add(step["with"]["name"])
    for step in steps(path):
        if step.get("uses", "").startswith("actions/download-artifact"):
            assert step["with"]["name"] in left


@by_file
def test_pythons_are_those_of_the_package(path):
    least = tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    assert least == make_venv.OLDEST
    for version in pythons(path):
        assert least <= tuple(map(int, version.split("."))) <= make_venv.NEWEST


def test_every_python_is_tested():
    tested = {tuple(map(int, each.split("."))) for path in WORKFLOWS for each in pythons(path)}
    tested |= {tuple(map(int, each.split("."))) for path in ACTIONS for each in pythons(path)}
    minors = range(make_venv.OLDEST[1], make_venv.NEWEST[1] + 1)
    assert tested == {(3, minor) for minor in minors}


def test_environments_run_with_their_own_python():
    job = parsed(ROOT / ".github/workflows/test.yml")["jobs"]["environments"]
    named = {}
    for each in job["strategy"]["matrix"]["include"]:
        named[each["environment"]] = each["python"]
        file = ROOT / "tests" / "environments" / f"{each['environment']}.txt"
        assert file.read_text(encoding="utf-8").startswith(f"# python {each['python']}\n")
    assert set(named) == {path.stem for path in (ROOT / "tests" / "environments").glob("*.txt")}


def test_the_citation_agrees_with_the_package_and_the_book():
    citation = parsed(ROOT / "CITATION.cff")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["title"].startswith(config["title"])
    assert [each["name"] for each in citation["authors"]] == [config["author"]]
    assert config["title"] in PROJECT["description"]


def test_the_package_says_its_own_version():
    text = (ROOT / "ssl_teach" / "__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{PROJECT["version"]}"' in text


def test_the_changelog_knows_this_version():
    headings = re.findall(r"^## \[([^\]]+)\](.*)$", CHANGELOG, re.MULTILINE)
    versions = [name for name, _ in headings if name != "Unreleased"]
    assert versions[0] == PROJECT["version"]
    assert versions == sorted(versions, key=lambda v: [int(x) for x in v.split(".")], reverse=True)
    for _, date in headings:
        assert re.fullmatch(r"( - \d{4}-\d{2}-\d{2})?", date), date


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_within_the_repository_lead_somewhere(name):
    text = re.sub(r"```.*?```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)", text):
        assert (ROOT / target).exists(), target
    for other, anchor in re.findall(r"\]\(([\w./-]*\.md)?#([\w-]+)\)", text):
        there = (ROOT / (other or name)).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", there, re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
        assert anchor in slugs, anchor
