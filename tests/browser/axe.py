"""axe-core, the rules of accessible pages, asked in the browser."""

from pathlib import Path

import axe_playwright_python

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
COMPLAINTS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id} (${help}): ${node.target.join(" ")}`));
}"""


def complaints(page) -> list[str]:
    """What axe-core has against a page as it stands: rule, and where."""
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.wait_for_function("() => document.readyState === 'complete'")
    page.evaluate(AXE)
    return page.evaluate(COMPLAINTS)
