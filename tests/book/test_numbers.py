"""Numbers in the book: measured ones come from records by code, and tables name the records.

A number typed into the text is the one kind that could disagree with a record. So none may be
typed, but for those that are borrowed, with their source beside them, those that define something,
and those that are computed here, from the records or by a formula, and compared.
"""

import ast
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import build_book
import pytest
from scipy import stats

from ssl_teach.exercises import all_exercises
from ssl_teach.experiments.records import all_records, book_record
from ssl_teach.statistics import spread

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [
    page for page in sorted((ROOT / "book").rglob("*.md"))
    if "_build" not in page.parts and "_vendor" not in page.parts
]  # fmt: skip

# ---- numbers in the text

BLOCK = re.compile(r"```.*?```|\$\$.*?\$\$", re.DOTALL)  # code and formulas
INLINE = re.compile(r"\$[^$]*\$|(`+).+?\1|\]\([^)]*\)")  # and links
CITED = re.compile(r"\{cite(:\w+)?\}|`benchmarks/\w+\.py`")  # who measured it is told
NUMBER = re.compile(
    r"±\s?\d[\d.]*|\d[\d,.]*\s?(?:%|per cent\b|points?\b)|(?<![\d.])\d+\.\d+\b(?!\.\d)"
)
DEFINES = re.compile(
    r"\b95% (?:confidence )?intervals?|\b95% of the intervals|\b95 times out of 100"  # a level
    r"|\b100%|\b50% is guessing|\bguessing gives [\d.]+%"
    r"|\b[\d.]+(?:%| per cent) of (?:the|its|their) labels"  # a share that is given
)


def typed(text: str, *, reading: bool = False) -> list[str]:
    """Numbers that look measured: decimals, per cents, points, spreads.

    Args:
        text: Markdown; code, formulas and paragraphs that tell their source are left out.
        reading: whether one citation is the source of the whole text, as under "Further reading".
    """
    if reading and CITED.search(text):
        return []
    found = []
    for paragraph in BLOCK.sub(" ", text).split("\n"):
        if not CITED.search(paragraph):
            bare = DEFINES.sub(" ", INLINE.sub(" ", paragraph))
            found += [number.strip(" .,") for number in NUMBER.findall(bare)]
    return found


def passages() -> Iterator[tuple[str, str, str]]:
    """Page, place in it, and text of everything in words: captions and descriptions as well."""
    for path in LESSONS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield path.stem, cell["id"], "".join(cell["source"])
            shown = cell["metadata"].get("mystnb", {})
            for part, of in (("figure", "caption"), ("image", "alt")):
                if of in shown.get(part, {}):
                    yield path.stem, f"{cell['id']}:{of}", shown[part][of]
    for key, each in all_exercises().items():
        if not each.checked:
            yield "exercises", key, f"{each.statement}\n\n{each.solution}"
    for path in PAGES:
        yield str(path.relative_to(ROOT / "book")), "", path.read_text(encoding="utf-8")


def found_in_book() -> dict[tuple[str, str], list[str]]:
    found = {}
    for page, place, text in passages():
        numbers = typed(text, reading=place in {"reading", "further-reading"})
        if numbers:
            found[page, place] = numbers
    return found


def pretext(*names: str) -> float:
    """The least mean pretext accuracy of some records, in per cent."""
    return min(100 * book_record(name).spread("pretext").mean for name in names)


def heart() -> float:
    shares = [f"labels-scenes-{share}" for share in (0.3, 1, 3, 10, 30)]
    return pretext(*shares, "league-scenes-supervised")


GIVEN = "given in an exercise, for the sake of argument"
SHARE = "a share of the labels: a setting"
LIVE = "of a run in the page, which no record holds"
TAU = "a temperature: a setting"
# By page and place: each number that is found there, with a reason to trust it, or with what it is
# (in the unit of the text) and how far from it the text may be.
TRUSTED = {
    ("00_before_the_lessons", "question"): {
        "72.0": (lambda: 100 * spread([0.70, 0.72, 0.74]).mean, 0.05),  # the docstring's example
        "± 5.0": (lambda: 100 * (spread([0.70, 0.72, 0.74]).high - 0.72), 0.05),
    },
    ("00_before_the_lessons", "temperature:alt"): {"0.25": TAU},
    ("00_before_the_lessons", "simulate:alt"): {"70 per cent": "the truth of a simulation"},
    ("00_before_the_lessons", "power:caption"): {"80%": "a line that is drawn"},
    ("00_before_the_lessons", "power:alt"): {"80 per cent": "a line that is drawn"},
    ("01_introduction", "live-figure:alt"): {"1 per cent": SHARE, "100 per cent": SHARE},
    ("01_introduction", "teaser:alt"): {"100 per cent": SHARE, "1 per cent": SHARE},
    ("01_introduction", "by-heart:alt"): {"100 per cent": (heart, 3)},  # "close to"
    ("02_transfer_learning", "practice-1"): {"3 points": GIVEN},
    ("03_self_supervised_learning", "worth-figure:alt"): {"100 per cent": LIVE},
    ("03_self_supervised_learning", "difficulty-figure:alt"): {
        "100 per cent": (lambda: pretext("scenes-rotation", "scenes64-jigsaw-10"), 1),  # "nearly"
    },
    ("03_self_supervised_learning", "seeds"): {"10%": SHARE},
    ("04_rotation", "practice-1"): {"25%": (lambda: 100 / 4, 0)},  # guessing one of four
    ("09_tied_to_the_task", "md-17"): {"10%": SHARE, "1%": SHARE},
    ("10_contrastive_learning", "cosine"): {
        "2.90": (lambda: math.log(1 + 127 * math.exp(-2)), 0.005),  # cosines 1 and -1
        "1.95": (lambda: math.log(128) - math.log(1 + 127 * math.exp(-2)), 0.005),
    },
    ("10_contrastive_learning", "cosine-figure:alt"): {"0.5": TAU, "0.1": TAU},
    ("11b_simclr_taken_apart", "numbers-says"): {"0.1": TAU},
    ("11b_simclr_taken_apart", "practice-1"): {
        "2.5": (lambda: stats.t.ppf(0.975, 2) / math.sqrt(3), 0.05),
    },
    ("14_sketch_pad", "train-text"): {"30%": "the least part in a view: a setting"},
    ("exercises", "best-of-ten"): {
        "70%": GIVEN, "2 points": GIVEN, "2.5%": (lambda: (100 - 95) / 2, 0),
    },
    ("exercises", "buying-steps"): {"1%": SHARE},
    ("exercises", "cosines-apart"): {"0.92": GIVEN, "0.88": GIVEN},
    ("exercises", "count-labels"): {"90%": GIVEN},
    ("exercises", "slow-link"): {
        "0.0005": (lambda: 2.0**-11, 0.00005), "0.005": (lambda: 2.0**-11 / 0.1, 0.0005),
    },
    ("exercises", "stuck-loss"): {
        "1.46": (lambda: math.log(math.e + 9) - 1, 0.005),  # cross-entropy of scores 1, 0, 0, …
    },
    ("symbols.md", ""): {"1.96": (lambda: stats.norm.ppf(0.975), 0.005)},
}  # fmt: skip


def wrong(numbers: list[str], trusted: dict) -> list[str]:
    """Complaints about the numbers of one place."""
    told = [f"{number} is typed, and nothing vouches for it" for number in numbers
            if number not in trusted]  # fmt: skip
    told += [f"{number} is no longer there: strike it" for number in trusted
             if number not in numbers]  # fmt: skip
    for number, why in trusted.items():
        if not isinstance(why, str):
            truth, reach = why[0](), why[1]
            said = float(re.search(r"[\d.]+", number)[0])
            if abs(said - truth) > reach + 1e-9:
                told.append(f"{number} is typed, and it is {truth:.3f}")
    return told


def test_no_measured_number_is_typed():
    found = found_in_book()
    told = {
        place: complaints
        for place in {**found, **TRUSTED}
        if (complaints := wrong(found.get(place, []), TRUSTED.get(place, {})))
    }
    assert not told, told


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("SimCLR reaches 71.3% on scenes.", ["71.3%"]),
        ("a cosine near 0.9. All", ["0.9"]),
        ("rotation gave 86.7 ± 4.5, which is", ["± 4.5", "86.7"]),
        ("It gains 12 points, or 3.4 points.", ["12 points", "3.4 points"]),
        ("about 80 per cent of them", ["80 per cent"]),
        ("Its R² is 0.57 there", ["0.57"]),
        ("said {cite:t}`a`: 71.3%\n\nours: 5.5%", ["5.5%"]),
        ("the code `x = 0.5`, the formula $\\tau = 0.1$\n```python\ny = 0.25\n```\n$$0.125$$", []),
        ("[see](page.md#0.5) half of a 95% confidence interval, 1% of the labels", []),
        ("took 2.5 GB (`benchmarks/grading.py`)", []),
        ("In 600 steps, version 1.2.3, lesson 11b, 2,000 pictures", []),
    ],
)
def test_what_looks_measured_is_seen(text, numbers):
    assert sorted(typed(text)) == sorted(numbers)


def test_under_further_reading_numbers_are_borrowed():
    text = "{cite:t}`a` showed:\n\n- 71.3%"
    assert typed(text, reading=True) == [] and typed(text) == ["71.3%"]
    assert typed("- 71.3%", reading=True) == ["71.3%"]


def test_a_number_that_disagrees_with_its_record_is_told():
    (truth,) = {round(100 * book_record("scenes-pixels").spread("linear").mean, 1)}
    recorded = (lambda: 100 * book_record("scenes-pixels").spread("linear").mean, 0.05)
    assert wrong([f"{truth}%"], {f"{truth}%": recorded}) == []
    (told,) = wrong([f"{truth + 1:.1f}%"], {f"{truth + 1:.1f}%": recorded})
    assert "is typed, and it is" in told
    assert "vouches" in wrong(["5%"], {})[0] and "strike" in wrong([], {"5%": GIVEN})[0]


# ---- names of records beside tables


def named(nodes: Iterator[ast.AST], context: type[ast.expr_context]) -> set[str]:
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


def own(tree: ast.AST) -> set[str]:
    """Names that live inside of comprehensions and functions alone."""
    loops = [n.target for n in ast.walk(tree) if isinstance(n, ast.comprehension)]
    inside = {name for loop in loops for name in named(ast.walk(loop), ast.Store)}
    return inside | {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}


def names_in(tree: ast.AST) -> set[str]:
    """Names that code takes from outside of it."""
    loops = [n.target for n in ast.walk(tree) if isinstance(n, ast.For)]
    given = {name for loop in loops for name in named(ast.walk(loop), ast.Store)}
    return named(ast.walk(tree), ast.Load) - own(tree) - given


def bound(node: ast.stmt) -> set[str]:
    """Names that a statement of a cell defines, or fills."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    filled = [
        n.value for n in ast.walk(node)
        if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)
    ]  # fmt: skip
    return (named(ast.walk(node), ast.Store) - own(node)).union(*map(names_in, filled))


READER_MODULES = ("ssl_teach.experiments", "ssl_teach.experiments.records")
READERS = {"book_record", "difference", "results_table", "all_records", "load_record"}
TABLES = {"table", "results_table", "LeagueTable", "TransferTable", "DataFrame", "HTML"}


def recorded_tables(cells: list[tuple[str, str]]) -> dict[str, set[str]]:
    """Cells that end in a table of what was read from records, with what makes the table.

    Args:
        cells: id and source of a notebook's code, in order.
    """
    reads, makes, found = set(), {}, {}
    for place, source in cells:
        here: set[str] = set()
        body = ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)).body
        for node in body:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if node.module in READER_MODULES and alias.name in READERS:
                        reads.add(alias.asname or alias.name)
                    if alias.name in TABLES:
                        makes[alias.asname or alias.name] = {alias.name}
                continue
            used = names_in(node)
            here |= used & reads
            reads = reads | bound(node) if used & reads else reads - bound(node)
            if isinstance(node, ast.FunctionDef) and used & set(makes):
                makes[node.name] = set().union(*(makes[name] for name in used & set(makes)))
        last = names_in(body[-1]) if body else set()
        if last & set(makes) and here:
            found[place] = set().union(*(makes[name] for name in last & set(makes)))
    return found


def code_of(path: Path) -> list[tuple[str, str]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(c["id"], "".join(c["source"])) for c in cells if c["cell_type"] == "code"]


# Explorables take no line below them; the tables beside them name the same records.
EXPLORABLES = {
    ("02_transfer_learning", "c29"),
    ("03_self_supervised_learning", "league"),
    ("09_tied_to_the_task", "explorable"),
}


def test_tables_of_records_are_made_by_what_names_the_records():
    others = {
        (path.stem, place)
        for path in LESSONS
        for place, by in recorded_tables(code_of(path)).items()
        if not by <= {"table", "results_table"}
    }
    assert others == EXPLORABLES


def test_a_table_of_records_is_recognised():
    cells = [
        ("a", "%matplotlib inline\nfrom ssl_teach.experiments import book_record as r"),
        ("a2", "from ssl_teach.lessons import table"),
        ("b", "def show(x):\n    return table(x)\n\ndef got():\n    return r('x').spread('m')"),
        ("c", "rows = {}\nfor n in 'xy':\n    rows[n] = got()"),
        ("d", "show(rows)"),
        ("e", "table({'live': 3})"),
        ("f", "from pandas import DataFrame\nDataFrame(rows)"),
        ("g", "rows"),
        ("h", "rows = {'live': 3}\ntable(rows)"),  # another thing by the same name
        ("i", "n = got()"),
        ("j", "table({n: 1 for n in range(3)})"),
    ]
    assert recorded_tables(cells) == {"d": {"table"}, "f": {"DataFrame"}}


# ---- what the built book shows


def built_outputs() -> Iterator[tuple[str, str, str]]:
    """Lesson, cell and Markdown of all tables, as run with the package as it stands now."""
    cache = ROOT / "_build" / "executed" / build_book.state_key(ROOT) / "executed"
    sources = {tuple(source for _, source in code_of(path)): path for path in LESSONS}
    for run in cache.glob("*/base.ipynb"):
        cells = json.loads(run.read_text(encoding="utf-8"))["cells"]
        cells = [cell for cell in cells if cell["cell_type"] == "code"]
        path = sources.get(tuple("".join(cell["source"]) for cell in cells))
        for cell, (place, _) in zip(cells, code_of(path) if path else [], strict=False):
            for output in cell["outputs"]:
                if "text/markdown" in output.get("data", {}):
                    yield path.stem, place, "".join(output["data"]["text/markdown"])


@pytest.fixture(scope="module")
def built():
    found = {(lesson, place): text for lesson, place, text in built_outputs()}
    if not found:
        pytest.skip("the book has not been built since the package changed")
    return found


def test_every_table_of_records_in_the_built_book_names_them(built):
    known = set(all_records())
    bare = [
        (path.stem, place)
        for path in LESSONS
        for place in recorded_tables(code_of(path))
        if (path.stem, place) in built
        and not known & set(re.findall(r"`([^`]+)`", built[path.stem, place]))
    ]
    assert not bare


def unrecorded(text: str) -> list[str]:
    """Cells of rows that name a record at their end and hold what the record does not."""
    told = []
    for row in text.splitlines():
        cells = [cell.strip().replace("\u00a0", " ") for cell in row.strip("| ").split("|")]
        name = re.fullmatch(r"`([\w.-]+)`", cells[-1])
        if name:
            record = book_record(name[1])
            known = {str(record.spread(m)) for m in record.runs[0]["metrics"]}
            told += [c for c in cells[1:-2] if c != "n/a" and c not in known]
            told += [cells[-2]] * (cells[-2] != str(len(record.runs)))
    return told


def test_the_built_tables_hold_what_the_records_hold(built):
    rows = [(place, unrecorded(text)) for place, text in built.items()]
    assert not [row for row in rows if row[1]]


def test_a_row_that_disagrees_with_its_record_is_told():
    record = book_record("scenes-simclr")
    right = str(record.spread("linear"))
    assert unrecorded(f"| SimCLR | {right} | n/a | 3 | `scenes-simclr` |") == []
    assert unrecorded(f"| SimCLR | 1{right} | n/a | 5 | `scenes-simclr` |") == [f"1{right}", "5"]
