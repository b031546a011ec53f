"""Files as people take them: from the download box of a page."""

from __future__ import annotations

from playwright.sync_api import Download, Locator, Page


def link(page: Page, form: str) -> Locator:
    """The box's link to that form, with the box open."""
    found = page.get_by_role("link", name=f"Download {form}", exact=False)
    if not found.first.is_visible():
        page.get_by_role("button", name="Download", exact=True).click()
    found.first.wait_for()
    return found.first


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
