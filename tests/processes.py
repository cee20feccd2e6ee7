"""Processes that tests start."""

import os
import time


def group_ends(group: int, seconds: float) -> bool:
    """Whether all processes of a group have ended within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
