"""A headless Chromium and a mitmweb with the gateway, for tests that look at pages."""

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.running import Gateway, Project, answers, gateway_command, launch, until
from ports import free_port
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = (
    ""
    if CHROMIUM and DRIVER
    else "chromium and chromedriver are not installed: apt-get install chromium chromium-driver"
)
PICTURES = os.environ.get("APIGATEWAY_PICTURES", "")
"""A folder: the tests write what they see there (docs/pictures holds what the docs show)."""

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1640,760",
)


@dataclass
class Web:
    """A running mitmweb; `url` is its first page, with the token where one was made."""

    gateway: Gateway
    port: int
    url: str

    @property
    def token(self) -> str:
        return self.url.rpartition("token=")[2]


@contextlib.contextmanager
def mitmweb(project: Project, *arguments: str) -> Iterator[Web]:
    port, web_port = free_port(), free_port()
    command = gateway_command(
        project,
        port,
        *("--set", "server=false"),
        *("--set", f"web_port={web_port}"),
        *("--set", "web_open_browser=false"),
        *arguments,
    )
    command[0] = Path(sys.executable).with_name("mitmweb")
    process = launch(command, project.folder / "mitmweb.log", cwd=project.folder)
    try:

        def up() -> bool:
            if process.child.poll() is not None:
                raise AssertionError(f"mitmweb ended:\n{process.text}")
            return answers(port)

        until(up, "the gateway answers")
        until(lambda: "Web server listening at" in process.text, "it says where its page is")
        found = re.search(rf"http://127\.0\.0\.1:{web_port}/\?token=\w+", process.text)
        url = found[0] if found else f"http://127.0.0.1:{web_port}/"
        yield Web(Gateway(process, port, project), web_port, url)
    finally:
        process.stop()


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator["Page"]:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        yield Page(driver)
    finally:
        driver.quit()


@dataclass
class Page:
    """What somebody sees and does in mitmweb."""

    driver: Chrome

    def open(self, url: str) -> None:
        self.driver.get(url)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def rows(self) -> list[str]:
        """The text of every call in the list."""
        found: list[str] = self.driver.execute_script(
            "return [...document.querySelectorAll('.flow-table tbody tr')]"
            ".map(row => row.innerText.trim()).filter(text => text)"
        )
        return found

    def choose(self, text: str) -> None:
        """Click the row that holds a text."""
        rows = [row for row in self.all(".flow-table tbody tr") if text in row.text]
        assert rows, f"no row with {text!r} among {self.rows()}"
        rows[0].click()

    def tab(self, name: str) -> None:
        until(lambda: self._link(name), f"there is a tab {name}").click()

    def _link(self, name: str) -> WebElement | None:
        links = self.all(".flow-detail a")
        return next((link for link in links if link.text == name), None)

    def select_view(self, name: str) -> None:
        """In the menu of content views, whose names mitmproxy 12 writes in lower case."""
        menu = until(lambda: self.all(".flow-detail .dropdown-toggle, .contentview .btn"), "a menu")
        next(one for one in menu if "View" in one.text).click()

        def entry() -> WebElement | None:
            entries = self.all(".dropdown-menu a, .dropdown-menu li")
            return next((one for one in entries if one.text.lower() == name.lower()), None)

        until(entry, f"the menu has {name}").click()

    def content(self, *, holds: str) -> str:
        """The text of the content view, once it holds something."""

        def text() -> str:
            found: str = self.driver.execute_script(
                "return [...document.querySelectorAll('.contentview pre')]"
                ".map(part => part.innerText).join('\\n')"
            )
            return found if holds in found else ""

        shown: str = until(text, f"the content view shows {holds!r}")
        return shown

    def search(self, text: str) -> None:
        """Write a filter into the search field, in place of the one before."""
        next(link for link in self.all("nav a") if link.text == "Flow List").click()
        field = until(lambda: self.all("input[placeholder='Search']"), "a search field")[0]
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.BACKSPACE)

    def picture(self, name: str) -> None:
        """A picture for the docs, where one is asked for."""
        if not PICTURES:
            return
        time.sleep(0.5)  # for what is still being drawn; nothing is judged by it
        folder = Path(PICTURES)
        folder.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(folder / f"{name}.png"))
