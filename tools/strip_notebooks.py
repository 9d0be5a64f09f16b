"""Keep notebooks without outputs: lessons are run anew by whoever builds the book.

python tools/strip_notebooks.py notebooks/*.ipynb          removes outputs
python tools/strip_notebooks.py --check notebooks/*.ipynb  only complains
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

VOLATILE = ("execution", "ExecuteTime", "widgets")


def stripped(notebook: dict[str, Any]) -> dict[str, Any]:
    """A copy without outputs, execution counts, run times and widget state."""
    copy: dict[str, Any] = json.loads(json.dumps(notebook))
    for part in [copy, *copy["cells"]]:
        for key in VOLATILE:
            part.get("metadata", {}).pop(key, None)
    for cell in copy["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return copy


def main() -> int:
    """Strip or check the named notebooks; 1 if any had outputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("notebooks", nargs="*", type=Path)
    args = parser.parse_args()
    dirty = 0
    for path in args.notebooks:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        clean = stripped(notebook)
        if clean == notebook:
            continue
        dirty += 1
        if args.check:
            print(f"{path} holds outputs: python tools/strip_notebooks.py {path}")
        else:
            text = json.dumps(clean, indent=1, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8")
            print(f"{path}: outputs removed")
    return int(dirty > 0)


if __name__ == "__main__":
    raise SystemExit(main())
