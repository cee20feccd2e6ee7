"""The small epidemic of `fake_contacts`, in processes that are killed while they simulate it, as often as is asked."""

import os
import signal
from pathlib import Path

from causal_lpm.inference import ModelStudy, Policy
from tests.cli.fake_contacts import DAYS, agents, curve

FOLDER, TIMES, SPARED = "TEST_KILLS", "TEST_KILLS_TIMES", "TEST_KILLS_SPARED"


def deadly() -> object:
    """Kills its process where nobody has before it, unless that is the one to be spared."""
    folder = os.environ.get(FOLDER)
    if folder and os.getpid() != int(os.environ[SPARED]):
        for number in range(int((Path(folder) / TIMES).read_text())):
            try:
                (Path(folder) / str(number)).touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
    return agents()


killers = ModelStudy(
    "killers", "Contacts", "made up", deadly, lambda: {"reports": [[12.0] * DAYS]}, curve, outcomes=("infections",),
    ranges={"contact": Policy("contact", 1.0, "contacts relative to usual", 0, 2)},
)  # fmt: skip
