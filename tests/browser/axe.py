"""axe-core, the rules of accessible pages, asked in the browser."""

from pathlib import Path

import axe_playwright_python

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
COMPLAINTS = """async (rules) => {
  const options = { resultTypes: ["violations"], ...(rules && { runOnly: rules }) };
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id} (${help}): ${node.target.join(" ")}`));
}"""


def complaints(page, rules: list[str] | None = None) -> list[str]:
    """What axe-core has against a page as it stands: rule, and where.

    Args:
        page: in the browser.
        rules: those to ask, which is faster; None asks all.
    """
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.wait_for_function("() => document.readyState === 'complete'")
    page.evaluate(AXE)
    return page.evaluate(COMPLAINTS, rules)
