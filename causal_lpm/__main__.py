"""`python -m causal_lpm`: the command line, also under torchrun, where rank 0 reads the command and others help."""

import sys

from causal_lpm.cli import app
from causal_lpm.cli.terminal import fail


def main() -> None:
    """The command line, on one process or on the ranks of torchrun."""
    import os

    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        app()
        return
    from causal_lpm.ranks import torchrun

    if torchrun.number():
        _follow()
        return
    try:
        app()
    finally:
        torchrun.dismiss()


def _follow() -> None:
    """Ends without a word where rank 0 has the sentence."""
    from causal_lpm.ranks import RankFailed, torchrun

    try:
        torchrun.follow()
    except RankFailed as error:
        fail(str(error), 1)
    except Exception:  # noqa: BLE001  what a task raises, all ranks raise
        sys.exit(1)


if __name__ == "__main__":
    main()
