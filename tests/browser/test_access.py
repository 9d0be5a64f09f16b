"""Rules of accessible pages where no lesson stands; test_pages.py has the lessons."""

import pytest

from .axe import violations

LOOKS = [(1280, "light"), (360, "dark")]


@pytest.mark.parametrize(("width", "scheme"), LOOKS, ids=["wide", "phone, dark"])
@pytest.mark.parametrize("name", ["search", "genindex"])
def test_no_rule_is_broken(name, width, scheme, book, visit):
    seen = visit((book / f"{name}.html").as_uri(), width=width, scheme=scheme)
    assert violations(seen.page) == []
    seen.page.context.close()


def test_a_broken_rule_would_be_seen(tmp_path, visit):
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><title>t</title><main><h1>t</h1><img src="data:,"></main>'
    )
    assert any("image-alt" in said for said in violations(visit(page.as_uri()).page))
