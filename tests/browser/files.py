"""Files as people take them: from the download box of a page."""

from __future__ import annotations

import re

from playwright.sync_api import Download, Locator, Page


def link(page: Page, form: str) -> Locator:
    """The box's link to that form, with the box open."""
    box = page.get_by_role("button", name=re.compile("^Download( what is there)?$"))
    if box.get_attribute("aria-expanded") != "true":
        box.click()
    found = page.get_by_role("link", name=f"Download {form}", exact=False).first
    found.wait_for()
    return found


def taken(page: Page, form: str) -> Download:
    """The file of that form."""
    place = link(page, form)
    with page.expect_download() as download:
        place.click()
    return download.value


def open_options(page: Page) -> None:
    """How files are written, once that has unfolded: a press on what moves may miss it."""
    page.get_by_text("Options", exact=True).click()
    page.get_by_text("Semicolon").wait_for()
    page.wait_for_function("""() => document.getAnimations().every(one =>
        one.playState !== 'running' || one.effect.getComputedTiming().iterations === Infinity)""")
