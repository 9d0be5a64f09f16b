"""Submissions that nobody wants: each costs itself its points, and nothing else."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssl_teach.exercises import all_exercises, exercise
from ssl_teach.exercises.assign.notebooks import notebook
from ssl_teach.exercises.core import ANSWER_IMPORTS
from ssl_teach.exercises.grading.sandbox import (
    Limits,
    rejection_reason,
    run,
    without_magics,
)

from ..answers import SEEDS

GOOD = {key: exercise(key).solution for key in ("affinity-matrix", "partner-index")}
POINTS = {key: exercise(key).points for key in GOOD}
QUICK = Limits(seconds=6)


def judged(code, limits=QUICK):
    """What becomes of a first answer; the second, a right one, must not suffer from it."""
    outcomes = run(
        {"affinity-matrix": code, "partner-index": GOOD["partner-index"]}, POINTS, None, limits
    )
    assert outcomes["partner-index"].status == "right"
    assert outcomes["partner-index"].points == POINTS["partner-index"]
    return outcomes["affinity-matrix"]


def test_right_answers_get_their_points_whatever_they_print():
    outcome = judged(f'print(\'{{"key": "affinity-matrix"}}\' * 1000)\n{GOOD["affinity-matrix"]}')
    assert (outcome.status, outcome.points) == ("right", POINTS["affinity-matrix"])


def test_lines_for_the_notebook_cost_nothing():
    right = GOOD["affinity-matrix"]
    sums = 'N = (7\n     % 4)\ntext = """\n%d\n"""'
    for code in (
        f"%%time\n{right}",
        f"{right}\n!pip list\ntorch.cat?",
        f"%matplotlib inline\n{sums}\n{right}",
        f"%time EPS = 1e-12\nEPS + 1\n{right}",
        f"{right}\ncheck('affinity-matrix', affinity)",
    ):
        assert judged(code).status == "right", code
    assert judged(f"%%bash\n{right}").status == "crashed"  # it was no Python to the student either
    assert judged(f"%%time\n{exercise('affinity-matrix').starter}").status == "unchanged"
    inside = "def affinity(z):\n    %timeit z\n    return 3 +"
    assert without_magics(inside).splitlines()[1] == "    pass  # %timeit z"
    text = 'x = """\n%d\n"""'
    assert without_magics(text) == text  # Python as it stands
    outcome = judged("%%time\nimport os")
    assert outcome.status == "refused" and "line 2 imports os" in outcome.report


def test_an_answer_finds_what_the_students_notebook_imports():
    first = notebook([exercise("partner-index")], "Week 1", None).cells[1].source
    assert first.startswith(ANSWER_IMPORTS)
    wanted = "z = (math.pi, np.ones(1), torch.ones(1), F.relu, nn.Linear, einops.rearrange)"
    assert judged(f"{wanted}\n{GOOD['affinity-matrix']}").status == "right"


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("def affinity(z):\n    while True:\n        pass", "wrong", "had not returned"),
        ("while True:\n    pass", "time", "had not returned"),
        ("raise SystemExit", "crashed", "SystemExit"),
        ("def affinity(z:", "crashed", "SyntaxError"),
        (f"{exercise('affinity-matrix').starter}\nprint(1)", "unchanged", "the starter, unchanged"),
        ("x = 1", "missing", "no function affinity"),
        ("def affinity(z):\n    return torch.zeros(10**11)", "wrong", "RuntimeError"),
        ("def affinity(z):\n    return bytes(10**11)", "wrong", "MemoryError"),
        ("def affinity(z):\n    return affinity(z)", "wrong", "RecursionError"),
        ("def affinity(z):\n    return z - 1", "wrong", "shape"),
        ("def affinity(z):\n    raise KeyboardInterrupt", "crashed", "KeyboardInterrupt"),
    ],
)
def test_what_loops_crashes_or_fills_the_memory_gets_nothing(code, status, words):
    outcome = judged(code)
    assert (outcome.status, outcome.points) == (status, 0)
    assert words in outcome.report


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os\nos._exit(0)", "imports os"),
        ("from ssl_teach.exercises import similarity", "imports ssl_teach.exercises"),
        ("from torch import *", "imports torch"),
        ("import numpy.ctypeslib", None),
        ("torch.allclose = lambda *a, **k: True", "changes torch.allclose"),
        ("t = torch\nt.equal = print", "changes t.equal"),
        ("F.normalize = None", "changes F.normalize"),
        ("del torch.Tensor.float", "changes torch.Tensor.float"),
        ("torch.sys.modules.clear()", "reaches for"),
        ("().__class__.__base__.__subclasses__()", "reaches for .__"),
        ("getattr(torch, 'sy' + 's')", "uses getattr"),
        ("open('/etc/passwd').read()", "uses open"),
        ("eval('1')", "uses eval"),
        ("__import__('os')", "uses __import__"),
        ("np.loadtxt('x')", "reaches for .loadtxt"),
        ("torch.save({}, 'x')", "reaches for .save"),
    ],
)
def test_what_reaches_further_than_mathematics_is_not_run(code, reason):
    said = rejection_reason(code)
    if reason is None:
        assert said == "" or "ctypes" in said
        return
    assert reason in said and said.startswith("line ")
    outcome = judged(f"{code}\n{GOOD['affinity-matrix']}")
    assert (outcome.status, outcome.points) == ("refused", 0)
    assert "A person will look at it" in outcome.report


@pytest.mark.parametrize(
    "code",
    [
        "import math, itertools\nfrom einops import rearrange\nfrom torch import nn",
        "class A(nn.Module):\n  def __init__(self):\n    super().__init__()\n    self.a = 1",
        "for p in net.parameters():\n    p.requires_grad = False\n    p.grad = None",
        "x[0] = 1\ny = x.T @ x\nz, w = y.max(dim=1)",
        "def f(:",
    ],
)
def test_honest_code_is_not_suspected(code):
    assert rejection_reason(code) == ""


@pytest.mark.parametrize(
    "code",
    ["x = '\ud83d'", "x = 1" + " + 1" * 5000, "x = " + "(" * 5000 + ")" * 5000],
    ids=["half an emoji", "long", "deep"],
)
def test_code_that_no_parser_takes_stops_nobody(code):
    assert rejection_reason(code) == "" or "cannot be read" in rejection_reason(code)


@pytest.mark.parametrize("name", ["__globals__", "os", "_private"])
def test_a_pattern_reads_no_attribute_that_a_dot_may_not(name):
    code = f"match torch:\n    case object({name}=found):\n        pass"
    assert f"reaches for .{name}" in rejection_reason(code)


def test_writing_outside_its_folder_is_refused_even_where_reading_the_code_missed_it(tmp_path):
    target = tmp_path / "written.npy"
    code = f"import numpy\nnumpy.lib.format.open_memmap('{target}', mode='w+', shape=(3,))"
    outcome = judged(code)
    assert outcome.status in ("crashed", "refused") and outcome.points == 0
    assert not Path(target).exists()


def test_a_second_submission_starts_in_a_moment():
    run(GOOD, POINTS)
    start = time.perf_counter()
    run(GOOD, POINTS)
    assert time.perf_counter() - start < 10  # not the seconds of importing torch for each


SCRIPT = """
from ssl_teach.exercises import all_exercises, exercise
from ssl_teach.exercises.grading.sandbox import run
{guard}
    each = exercise("partner-index")
    print(run({{each.key: each.solution}}, {{each.key: 3}})[each.key].status)
"""


def result_of(folder, guard):
    """A script of an instructor's own, run."""
    script = folder / "mine.py"
    script.write_text(SCRIPT.format(guard=guard), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=240
    )


def test_a_script_without_the_guard_is_told_so_and_one_with_it_grades(tmp_path):
    ended = result_of(tmp_path, "if True:")
    assert ended.returncode == 1 and "crashed" not in ended.stdout
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: the script starts grading whenever it is imported")
    assert 'put the call under `if __name__ == "__main__":`' in last
    assert result_of(tmp_path, 'if __name__ == "__main__":').stdout == "right\n"


def test_a_process_that_does_not_begin_is_no_fault_of_a_submission():
    with pytest.raises(RuntimeError, match="ended before it began"):
        run({"nonsense": "x = 1"}, {"nonsense": 3})


@pytest.mark.parametrize("seed", SEEDS)
def test_every_solution_passes_where_submissions_are_judged(seed):
    asked = {key: each for key, each in all_exercises(seed).items() if each.properties}
    points = {key: each.points for key, each in asked.items()}
    found = run({key: each.solution for key, each in asked.items()}, points, seed)
    assert {key: outcome.points for key, outcome in found.items()} == points
