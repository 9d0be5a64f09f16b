"""A map of the book: every lesson a node, with its question, an example and the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike

from ssl_teach.explorables.bundle import script, styles
from ssl_teach.explorables.shared.frame import Explorable, to_pictures

TEXTS = ("name", "title", "question")


class BookMap(Explorable):
    """Nodes in parts, joined by lines; the chosen node shows its question with an example.

    In the book's pages a node links to its lesson; elsewhere the name of its notebook is shown. The
    state can be read and set: `chosen`, the name of a node.
    """

    _esm = script("book_map/book_map.js")
    _css = styles("book_map/book_map.css")

    parts = traitlets.List(traitlets.Dict()).tag(sync=True)  # {"title", "nodes": [names]}
    nodes = traitlets.Dict().tag(sync=True)  # name -> the result of `_node`
    pictures = traitlets.Bytes().tag(sync=True)  # all images, one after the other, uint8
    notice = traitlets.Unicode().tag(sync=True)

    chosen = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        parts: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        notice: str = "",
        chosen: str | None = None,
    ) -> None:
        """Send the nodes to the page.

        Args:
            parts: nodes by the title of their part, in reading order. A node has "name" (once in
                the map), "title" (short), "question", "facts" (sentences by their heading),
                "given" (images, (H, W), (H, W, 1) or (H, W, 3) uint8 each), "wanted" (images,
                or words), and, if it has them, "page" (the notebook's name without its ending) and
                "after" (names of nodes that lead to it).
            notice: one or two sentences after "What to notice.", or nothing.
            chosen: the initial node; None for the first.

        Raises:
            ValueError: if a node is incomplete, a name occurs twice, or an image has another shape.
        """
        given = [node for nodes in parts.values() for node in nodes]
        if not given:
            raise ValueError("parts is empty: give at least one part with one node")
        packed = bytearray()
        nodes: dict[str, dict[str, Any]] = {}
        for node in given:
            entry = _node(node, packed)
            if entry["name"] in nodes:
                raise ValueError(f"two nodes are called {entry['name']!r}")
            nodes[entry["name"]] = entry
        for node in nodes.values():
            for name in (*node["after"], chosen or node["name"]):
                if name not in nodes:
                    raise ValueError(f"no node is called {name!r}; there are {', '.join(nodes)}")
        super().__init__(
            parts=[
                {"title": title, "nodes": [node["name"] for node in inside]}
                for title, inside in parts.items()
            ],
            nodes=nodes,
            pictures=bytes(packed),
            notice=notice,
            chosen=chosen or next(iter(nodes)),
        )

    def __repr__(self) -> str:
        """A short description, the same in every run."""
        return f"BookMap({', '.join(self.nodes)})"


def _node(node: Mapping[str, Any], packed: bytearray) -> dict[str, Any]:
    """A node as the page reads it; the bytes of its images go to the end of `packed`."""
    missing = [key for key in (*TEXTS, "facts", "given", "wanted") if not node.get(key)]
    if missing:
        raise ValueError(f"node {node.get('name', '?')!r} has no {', '.join(missing)}")
    wanted = node["wanted"]
    return {
        **{key: str(node[key]) for key in TEXTS},
        "facts": [[heading, text] for heading, text in node["facts"].items()],
        "given": _pack(node["given"], packed, node["name"]),
        "wanted": wanted if isinstance(wanted, str) else _pack(wanted, packed, node["name"]),
        "page": node.get("page") or "",
        "after": list(node.get("after", ())),
    }


def _pack(pictures: Sequence[ArrayLike], packed: bytearray, name: str) -> list[dict[str, Any]]:
    """Shapes of images [H, W, C], and where each begins."""
    entries = []
    for picture in pictures:
        (x,) = to_pictures(np.asarray(picture)[None], f"a picture of node {name!r}")
        entries.append({"shape": list(x.shape), "start": len(packed)})
        packed += x.tobytes()
    return entries
