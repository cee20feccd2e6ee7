"""Where a run that was cut off goes on: after the last step that all parties have kept."""

import secrets

from causal_lpm.parties.checkpoints import Folder
from causal_lpm.parties.faults import Disagreement
from causal_lpm.parties.handshake import Agreed

__all__ = ["resumed", "told"]


def told(folder: Folder | None) -> dict[str, str]:
    """What a party tells the others of its checkpoints, and a name for the run if it is a new one."""
    run, steps = ("", 0) if folder is None else (folder.run, folder.steps)
    return {"run": run, "steps": str(steps), "new": secrets.token_hex(8)}


def resumed(folder: Folder, agreed: Agreed) -> int:
    """How many steps are answered from the folder; a new run begins where nobody has kept any.

    Raises:
        Disagreement: the checkpoints of the parties are of different runs, or too far apart.
    """
    runs = [each["run"] for each in agreed.each]
    steps = [int(each["steps"]) for each in agreed.each]
    if max(steps) == 0:
        folder.begin(agreed.each[0]["new"], secrets.token_bytes(32))
        return 0
    for rank, run in enumerate(runs):
        if run != runs[0]:
            raise Disagreement(
                f"the checkpoints of party {rank} ({run or 'none'}) and of party 0 ({runs[0] or 'none'}) are of "
                "different runs: put back the right folders, or remove those of all parties and begin anew."
            )
    done = min(steps)
    if not folder.has(done):
        raise Disagreement(
            f"a party has the steps until {done} only, and another has no state from there any more: remove the "
            "checkpoints of all parties and begin anew."
        )
    folder.forget_after(done)
    return done
