"""What Streamlit logs goes where everything goes, whole pages of it left out."""

from __future__ import annotations

import logging

from streamlit import logger

_BROKEN = "Uncaught app execution"  # what ``notices.say_broken`` tells as well


def log_as_we_do() -> None:
    """Streamlit's loggers write through those of the process, in one form and bounded.

    Each would have a handler of its own, and a text of the browser's may be in what it writes.
    """
    logger.setup_formatter = _passed_on  # type: ignore[assignment]  # Streamlit calls it
    for one in list(logger._loggers.values()):
        _passed_on(one)
    logging.getLogger("streamlit.error_util").addFilter(lambda said: said.msg != _BROKEN)


def _passed_on(one: logging.Logger) -> None:
    one.handlers.clear()
    one.propagate = True
