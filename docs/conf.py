"""The site of these pages, and of the docstrings: `sh .ci/docs` builds it with Sphinx."""

import re
from importlib.metadata import version as version_of
from typing import Any

from sphinx.application import Sphinx

project = "parrot_async"
author = "the parrot_async developers"
release = version_of("parrot-async")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.mermaid",
]
exclude_patterns = ["_site"]
html_theme = "furo"
html_title = "parrot_async"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!parrot_async\b).*"),  # other projects' names: the build asks no network
    ("py:.*", r"parrot_async\..*\.[A-Z](_co)?"),  # type variables
    # Arguments of what users never make.
    ("py:class", r"parrot_async\.client\..*\.Session"),
    ("py:class", r"parrot_async\.jobs\..*\.(AcceptedChildren|JobHost|JobProgress|Slot)"),
    ("py:class", r"parrot_async\.transport\..*\.Outcome"),
    ("py:class", r"parrot_async\.model\.models\.Bills"),
]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]

autoclass_content = "both"
autodoc_default_options = {
    "exclude-members": "model_config, model_post_init",
    "member-order": "bysource",
    "members": True,
}
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
default_role = "code"
python_use_unqualified_type_names = True


def add_navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make the lists of links in index.md the site's navigation, a part for each heading."""
    if docname != "index":
        return
    for part in re.split(r"^##+ ", source[0], flags=re.MULTILINE):
        pages = re.findall(r"\]\(([\w/-]+)\.md\)", part)
        if pages:
            caption = part.splitlines()[0].lstrip("# ")
            toctree = "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages])
            source[0] += f"\n{toctree}\n```\n"


def from_markdown(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Have an indented block in a docstring shown as code, and a constant's colons as they are."""
    if what in {"attribute", "data"}:
        lines.insert(0, "\\")  # else napoleon takes a first line with a colon for a type
    for at in range(len(lines) - 1, 1, -1):
        begins = lines[at].startswith("    ") and not lines[at - 1]
        if begins and lines[at - 2] and not lines[at - 2].startswith(" "):
            lines[at:at] = ["::", ""]


def hide_signature(
    app: Sphinx, what: str, name: str, obj: object, options: Any, *as_it_is: str
) -> tuple[str, str] | None:
    """Hide how to make an object where users get it ready-made: `:class-doc-from: class`."""
    return ("", "") if options.get("class-doc-from") == "class" else None


def setup(app: Sphinx) -> None:
    """Add to Sphinx what is above."""
    app.connect("source-read", add_navigation)
    app.connect("autodoc-process-docstring", from_markdown, priority=100)
    app.connect("autodoc-process-signature", hide_signature)
