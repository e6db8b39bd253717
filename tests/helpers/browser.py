"""A Chromium without a window, which looks at the pages that the project makes."""

import json
import shutil
from pathlib import Path

from selenium import webdriver

BINARIES = ("chromium", "google-chrome")
OUTSIDE = ("http:", "https:", "ws:", "wss:", "ftp:")


class Browser:
    """A Chromium with a profile of its own; `driver` is Selenium's, for what is not here."""

    def __init__(self):
        binary = next(filter(None, map(shutil.which, BINARIES)), None)
        driver = shutil.which("chromedriver")
        if not (binary and driver):
            raise FileNotFoundError("no Chromium with its driver is here; .ci/chromium installs it")
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        # Root has no sandbox in a container, and /dev/shm is small there.
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(driver))

    def reset(self):
        """Back to an empty page, 1280 pixels wide and light, with nothing in the logs."""
        self.driver.get("about:blank")
        self.resize(1280, 900)
        self.dark(False)
        self.console()
        self.requests()

    def open(self, page: Path | str):
        """Open a file, by its path, or an address."""
        self.driver.get(page.resolve().as_uri() if isinstance(page, Path) else page)

    def run(self, script: str, *arguments):
        """Return what a script returns that runs in the page, as the body of a function."""
        return self.driver.execute_script(script, *arguments)

    def resize(self, width: int, height: int = 900):
        """Set the size of the page in pixels; no window could be as narrow as a phone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def dark(self, wanted: bool = True):
        """Prefer dark colours, or light ones."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def console(self) -> list[str]:
        """Return what the pages wrote to the console since it was asked last, with all errors."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses elsewhere that pages asked for since it was asked last."""
        events = (
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        )
        addresses = (
            event["params"].get("url") or event["params"]["request"]["url"]
            for event in events
            if event["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated")
        )
        return [address for address in addresses if address.startswith(OUTSIDE)]

    def screenshot(self, path: Path):
        """Write the visible part of the page as PNG."""
        self.driver.save_screenshot(str(path))

    def close(self):
        self.driver.quit()
