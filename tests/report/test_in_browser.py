"""The report in Chromium: on a telephone and on a desk, light and dark, and on paper."""

import base64

import pytest
from report.test_page import RESULTS

from kreproduce.claims import report as claims
from kreproduce.report import formats
from kreproduce.report.page import page

pytestmark = pytest.mark.browser

READY = """
const count = wanted => document.querySelectorAll(wanted).length;
return count('.view') === count('.live svg');
"""

WIDER = """
const wide = [];
for (const element of document.querySelectorAll('body *')) {
  const box = element.getBoundingClientRect();
  const hidden = box.width === 0 || getComputedStyle(element).display === 'none';
  if (!hidden && !element.closest('.scroll') && box.right > innerWidth + 0.5) {
    wide.push(element.tagName + ' ' + element.getAttribute('class') + ' ' + box.right);
  }
}
return wide;
"""

CONTRAST = """
function channels(text) {
  const found = text.match(/[\\d.]+/g).map(Number);
  return found.length > 3 && found[3] === 0 ? null : found.slice(0, 3);
}
function luminance(colour) {
  const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = colour.map(c => linear(c / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function back(element) {
  for (let e = element; e; e = e.parentElement) {
    const found = channels(getComputedStyle(e).backgroundColor);
    if (found) return found;
  }
  return [255, 255, 255];
}
const low = [];
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || ['SCRIPT', 'STYLE'].includes(element.tagName)) continue;
  if (element.closest('.mark-text') && !element.closest('.role-axis, .role-legend')) continue;
  const style = getComputedStyle(element);
  const text = channels(element instanceof SVGElement ? style.fill : style.color);
  const [a, b] = [luminance(text), luminance(back(element))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) low.push(element.textContent.trim().slice(0, 40) + ' ' + ratio);
}
return low;
"""

LEGENDS_OVER_DATA = """
const over = [];
for (const view of document.querySelectorAll('.live svg')) {
  const plot = view.querySelector('.mark-group.role-frame path.background').getBoundingClientRect();
  for (const legend of view.querySelectorAll('.role-legend')) {
    const box = legend.getBoundingClientRect();
    if (box.top < plot.bottom - 1) over.push(box.top + ' above ' + plot.bottom);
  }
}
return over;
"""

CUT_TEXT = """
const cut = [];
for (const view of document.querySelectorAll('.live svg')) {
  const whole = view.getBoundingClientRect();
  for (const text of view.querySelectorAll('text')) {
    const box = text.getBoundingClientRect();
    const outside = box.left < whole.left - 1 || box.right > whole.right + 1;
    if (outside || text.textContent.includes('…')) cut.push(text.textContent);
  }
}
return cut;
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(formats.html(page(claims.report(RESULTS), RESULTS)), "utf-8")
    return path


@pytest.fixture(params=[(1280, False), (1280, True), (390, False), (390, True)], ids=str)
def opened(request, browser, path):
    width, dark = request.param
    browser.resize(width)
    browser.dark(dark)
    browser.open(path)
    wait(browser)
    return browser


def wait(browser):
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser.driver, 60).until(lambda _: browser.run(READY))


def test_it_can_be_read(opened):
    assert opened.run("return document.documentElement.scrollWidth <= innerWidth")
    assert opened.run(WIDER) == []
    assert opened.run(CONTRAST) == []
    assert opened.run(LEGENDS_OVER_DATA) == []
    assert opened.run(CUT_TEXT) == []
    assert (opened.console(), opened.requests()) == ([], [])


def test_the_contrast_can_fail(opened):
    opened.run("document.querySelector('.verdict').style.color = 'gray'")
    opened.run("document.querySelector('.verdict').style.background = '#777'")
    assert opened.run(CONTRAST)


def test_wide_tables_scroll_inside_themselves(browser, path):
    browser.resize(390)
    browser.open(path)
    wide = "e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'auto'"
    assert (
        browser.run(f"return [...document.querySelectorAll('.scroll')].filter({wide}).length") > 2
    )


def test_without_scripts_there_are_pictures(browser, path):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(path)
        still = "[...document.querySelectorAll('.still svg')]"
        widths = browser.run(f"return {still}.map(e => e.getBoundingClientRect().width)")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert len(widths) > 5
    assert min(widths) > 300


def test_it_prints_on_a4_without_cut_rows(browser, path):
    """As wide as the paper within its margins; rows, views and headings stay whole."""
    browser.open(path)
    wait(browser)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        browser.resize(680)  # 180 mm at 96 pixels an inch
        wide = "[...document.querySelectorAll('table, .view svg, p')]"
        over = f"return {wide}.filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
        assert browser.run(over) == 0
        rows = "[...document.querySelectorAll('tr, .view')]"
        whole = "e => getComputedStyle(e).breakInside === 'avoid'"
        assert browser.run(f"return {rows}.every({whole})")
        assert (
            browser.run("return getComputedStyle(document.querySelector('.still')).display")
            == "block"
        )
        assert (
            browser.run("return getComputedStyle(document.querySelector('.live')).display")
            == "none"
        )
        made = browser.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert base64.b64decode(made["data"]).startswith(b"%PDF-")
