"""Where a run that was cut off goes on: after the last step that all parties have kept."""

import json
import secrets

from causal_lpm.parties.checkpoints import Folder
from causal_lpm.parties.faults import Disagreement
from causal_lpm.parties.handshake import Agreed

__all__ = ["resumed", "told"]


def told(folder: Folder | None) -> dict[str, str]:
    """What a party tells the others of its checkpoints, and a name for the run if it is a new one."""
    run, steps = ("", 0) if folder is None else (folder.run, folder.steps)
    sessions = [] if folder is None else folder.sessions(steps)
    return {"run": run, "steps": str(steps), "sessions": json.dumps(sessions), "new": secrets.token_hex(8)}


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
    before = [[each for each in json.loads(said["sessions"]) if each[0] < done] for said in agreed.each]
    for rank, sessions in enumerate(before):
        if sessions != before[0]:
            raise Disagreement(
                f"the checkpoints of party {rank} and of party 0 are of one run, which went on in between, and their "
                f"parts of step {done} do not belong together: put back those of one time, or remove those of all "
                "parties and begin anew."
            )
    folder.go_on(done, agreed.each[0]["new"])
    return done
