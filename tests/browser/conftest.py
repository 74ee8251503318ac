"""A real, headless Chromium of Debian, and the stand-in server of tests/lib/page_stub.py."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import page_stub  # noqa: E402
import waiting  # noqa: E402

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--force-device-scale-factor=1"]


def await_true(check, seconds=20, explain=lambda: ""):
    return waiting.await_true(check, seconds, explain)


class Page:
    """The live page in a browser, with the questions that tests ask."""

    def __init__(self, driver):
        self.driver = driver

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def open(self, address, fragment=""):
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(f"{address}/{fragment}")
        return self

    def text(self, selector="body"):
        return self.run("const node = document.querySelector(arguments[0]); return node ? node.innerText : ''", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def shown(self, selector):
        return self.run("const node = document.querySelector(arguments[0]); return !!node && node.getClientRects().length > 0", selector)

    def await_text(self, text, selector="body", seconds=20):
        return await_true(lambda: text in self.text(selector), seconds, lambda: f"no {text!r} in {self.text(selector)!r}")

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def type(self, selector, text):
        field = self.find(selector)
        field.clear()
        field.send_keys(text)
        return field

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        return self

    def media(self, **features):
        """prefers_color_scheme="dark", for instance; without arguments as it was."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]})
        return self

    def shot(self, path):
        self.driver.save_screenshot(str(path))

    def complaints(self):
        """What the console says since open(). A failed request is no complaint: tests make some fail on purpose."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "Failed to load resource" not in entry["message"]]


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.fail("needs Debian's packages chromium, chromium-driver and python3-selenium")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    options = Options()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS + [f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    browser.set_script_timeout(20)
    yield browser
    browser.quit()


@pytest.fixture
def page(driver):
    """A page of 1200 x 900 pixels, light; whatever a test saw on the console fails it."""
    page = Page(driver).size(1200, 900).media(prefers_color_scheme="light")
    yield page
    complaints = page.complaints()
    driver.get("about:blank")
    assert not complaints, complaints


@pytest.fixture
def server():
    """A stand-in that serves an invented shop."""
    server = page_stub.Server(page_stub.invented_shop()).start()
    yield server
    server.stop()
