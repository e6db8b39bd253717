"""The pages of this folder as a site: `make docs`."""

import re
from pathlib import Path

from docutils.nodes import document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from kreproduce import __version__
from kreproduce.system.quiet import silence_stderr

with silence_stderr():  # here, before autodoc imports it aloud
    import tensorflow  # noqa: F401

project = "kreproduce"
version = release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
myst_heading_anchors = 4  # the fragments that a forge makes of headings
smartquotes = False  # two hyphens are an option's
default_role = "py:obj"  # `NAME` in a docstring
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
html_theme = "furo"
html_title = f"kreproduce {__version__}"
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # a page that is opened as a file may not read the others


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give index.md the site's contents, which a forge would show as code.

    The pages come in the order of its last section; those that it does not name follow.
    """
    if docname == "index":
        named = re.findall(r"\]\(([\w-]+)\.md\)", source[0].partition("\n## The pages\n")[2])
        others = sorted(app.env.found_docs - {docname})
        pages = "\n".join(dict.fromkeys([*named, *others]))
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def unlink_folders(app: Sphinx, doctree: document) -> None:
    """Leave of a link to a folder its text: the site has the repository's files, but no folders."""
    for link in [*doctree.findall(pending_xref)]:
        path = app.env.relfn2path(link["reftarget"], app.env.docname)[1]
        if link["reftype"] == "myst" and Path(path).is_dir():
            link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    """Take part in what Sphinx does."""
    app.connect("source-read", add_contents)
    app.connect("doctree-read", unlink_folders)
