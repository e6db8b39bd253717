"""The pages as a site, as `make docs` builds it: whole, linked, and with nothing from elsewhere."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from helpers.browser import Browser
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
LOADED = {"link": "href", "script": "src", "img": "src", "source": "srcset", "iframe": "src"}


def build(docs, site):
    """Build a site as `make docs` does, but from and to other folders."""
    make = ["make", "--dry-run", "--silent", "GPU=0", "docs"]
    printed = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    program, *options, source, target = printed.splitlines()[-1].split()
    assert (Path(program).name, source, target) == ("sphinx-build", "docs", "build/docs")
    command = [Path(sys.executable).with_name("sphinx-build"), *options, docs, site]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = build("docs", folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


class Html(HTMLParser):
    """What a page links to, what it loads, and what can be linked to in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.ids = set(), set(), set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.add(given.get("id"))
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        if given.get(LOADED.get(tag)):
            self.loads.add(given[LOADED[tag]])


@pytest.fixture(scope="module")
def pages(site):
    return {path: Html(path) for path in site.rglob("*.html")}


def leads_nowhere(pages, path, address):
    """Whether an address on a page is of this site, and nothing is there."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return False
    linked = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    anchors = pages[linked].ids if linked in pages else set()
    return not linked.is_file() or (
        parts.fragment and linked in pages and unquote(parts.fragment) not in anchors
    )


@pytest.mark.slow
def test_every_page_is_in_the_contents_and_the_search(site, pages):
    assert {"api", "index", "install"} <= set(PAGES)
    index = site / "index.html"
    assert {f"{page}.html" for page in PAGES} - {"index.html"} <= pages[index].links
    searched = (site / "searchindex.js").read_text("utf-8")
    found = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", searched, re.DOTALL)[1])
    assert found["docnames"] == PAGES


@pytest.mark.slow
def test_every_link_leads_somewhere(pages):
    wrong = {
        f"{path.name}: {address}"
        for path, page in pages.items()
        for address in page.links | page.loads
        if leads_nowhere(pages, path, address)
    }
    assert wrong == set()


@pytest.mark.slow
def test_a_link_that_leads_nowhere_would_be_found(site, pages):
    wrong = ["nowhere.html", "api.html#nowhere", "#nowhere"]
    right = ["https://example.org/", "api.html", "index.html#words", "#words", "_static/basic.css"]
    nowhere = [one for one in wrong + right if leads_nowhere(pages, site / "index.html", one)]
    assert nowhere == wrong


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site, pages):
    loads = [address for page in pages.values() for address in page.loads]
    assert any(address.startswith("_static/") for address in loads)
    assert [address for address in loads if urlsplit(address).netloc] == []
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]
    assert len(styles) > 2
    assert [
        style for style in styles if re.search(r"(?:url\(|@import)\s*['\"]?(https?:)?//", style)
    ] == []


@pytest.mark.slow
def test_links_that_lead_nowhere_break_the_build(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "conf.py").write_bytes((ROOT / "docs" / "conf.py").read_bytes())
    text = "# A\n[page](nowhere.md), [part](other.md#nowhere), [folder](../docs), [file](../gone)\n"
    (docs / "index.md").write_text(text)
    (docs / "other.md").write_text("# B\n")
    done = build(docs, tmp_path / "site")
    assert done.returncode == 1
    assert re.findall(r"not found.*: '(.*?)'", done.stderr) == [
        "nowhere.md",
        "nowhere",
        "../gone",
    ]


@pytest.mark.browser
@pytest.mark.parametrize(("word", "page"), [("Colab", "install"), ("describe_pointwise", "api")])
def test_a_word_is_found_offline(site, browser: Browser, word, page):
    browser.open(site / "index.html")
    browser.driver.find_element(By.CSS_SELECTOR, "input[name=q]").send_keys(f"{word}\n")
    found = WebDriverWait(browser.driver, 30).until(
        lambda driver: driver.find_elements(By.CSS_SELECTOR, "#search-results li a")
    )
    assert f"{page}.html" in {Path(urlsplit(a.get_attribute("href")).path).name for a in found}
    assert (browser.console(), browser.requests()) == ([], [])


@pytest.mark.browser
def test_a_word_that_stands_nowhere_is_not_found(site, browser):
    browser.open(f"{(site / 'search.html').as_uri()}?q=xyzzyplugh")
    status = "#search-results .search-summary"
    WebDriverWait(browser.driver, 30).until(
        lambda driver: "did not match" in driver.find_element(By.CSS_SELECTOR, status).text
    )
    assert browser.driver.find_elements(By.CSS_SELECTOR, "#search-results li") == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_is_silent_and_asks_for_nothing_elsewhere(site, browser, width):
    browser.resize(width)
    for page in PAGES:
        browser.open(site / f"{page}.html")
        assert browser.run("return document.documentElement.scrollWidth") <= width, page
        assert (browser.console(), browser.requests()) == ([], []), page
