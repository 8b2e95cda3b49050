"""Where downloads of the wheel tests are kept between runs."""

import os
import pathlib


def wheelhouse():
    """$FIRSTFIX_WHEELS, or ~/.cache/firstfix/wheels."""
    folder = pathlib.Path(os.environ.get("FIRSTFIX_WHEELS") or pathlib.Path.home() / ".cache/firstfix/wheels")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
