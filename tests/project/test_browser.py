"""The browser of the tests sees what it is asked about: or no page could fail."""

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def page(tmp_path):
    """Writes a page with this body; returns its path."""

    def write(body):
        path = tmp_path / "page.html"
        path.write_text(f"<!doctype html><title>a</title><link rel=icon href=data:,>{body}")
        return path

    return write


def test_a_page_that_does_nothing_is_silent(browser, page):
    browser.open(page("<p>here"))
    assert browser.run("return document.body.textContent") == "here"
    assert (browser.console(), browser.requests()) == ([], [])


def test_what_a_page_writes_to_the_console_is_seen(browser, page):
    browser.open(page("<script>console.log('said'); missing()</script>"))
    said, error = browser.console()
    assert '"said"' in said
    assert error.startswith("SEVERE: ")
    assert "missing is not defined" in error


def test_what_a_page_asks_for_elsewhere_is_seen(browser, page):
    address = "https://127.0.0.1:9/font.woff2"
    browser.open(page(f"<img src={address}>"))
    assert browser.requests() == [address]
    assert browser.requests() == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_as_wide_as_was_asked(browser, page, width):
    browser.resize(width)
    browser.open(page(""))
    assert browser.run("return [innerWidth, innerHeight]") == [width, 900]


@pytest.mark.parametrize("wanted", [False, True])
def test_the_page_is_as_dark_as_was_asked(browser, page, wanted):
    browser.dark(wanted)
    browser.open(page(""))
    assert browser.run("return matchMedia('(prefers-color-scheme: dark)').matches") == wanted
