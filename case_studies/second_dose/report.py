"""The study's tables, made from a finished `--full` run: `python -m case_studies.second_dose.report RESULTS.nc`.

Writes expected.json beside this file, and the tables of README.md between its markers.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from case_studies.page import fill, table
from case_studies.second_dose.inputs import ARCHIVE
from case_studies.second_dose.mechanism import HOW_TO_CHECK
from case_studies.second_dose.study import EFFICACIES, QUIRKS
from causal_lpm.inference import Estimate, died_out, load, per_100k, sign_turn, summarize, totals

__all__ = ["expected", "tables"]

HERE = Path(__file__).parent
DEATHS_WITHIN = 30.0
NOISY = (("delayed", 0.9), ("delayed", 0.75))  # the archive itself is ten noisy runs: 45 instead of 30 deaths
INFECTIONS_WITHIN = {"none": 0.5, "standard": 1.0, "delayed": 2.5}  # per cent


def _archive_name(schedule: str, efficacy: float | None) -> str:
    return "no vaccine" if efficacy is None else f"{schedule} {efficacy:g}"


def _summary(estimate: Estimate) -> dict[str, float]:
    keys = ("mean", "mean_low", "mean_high", "mcse", "median", "q025", "q975")
    return {key: round(getattr(estimate, key), 3) for key in keys}


def effects(tree: xr.DataTree, outcome: str, by_group: bool = False) -> list[Estimate]:
    """Delayed minus standard, as the published tables have it: minus what is averted."""
    averted = tree["causal_effect"].to_dataset()[f"{outcome}_by_group" if by_group else outcome]
    dead = died_out(tree).values
    found = []
    for contrast, world in zip(averted["contrast"].values, averted["world"].values, strict=True):
        name = str(world).replace("delayed", "delayed - standard")
        rows = 0.0 - averted.sel(contrast=contrast)  # not minus: there is no -0.0 in the published numbers
        for group in rows["group"].values if by_group else [None]:
            values = (rows if group is None else rows.sel(group=group)).values
            found.append(summarize(values, "paired", name, outcome, None if group is None else str(group), dead=dead))
    return found


def _turns(tree: xr.DataTree) -> dict[str, dict[str, float]]:
    """Efficacy at which delayed and standard have equally many deaths, for each variant with all efficacies."""
    compared = tree["causal_effect"].to_dataset()
    reference = dict(zip(map(str, compared["world"].values), map(str, compared["reference"].values), strict=True))
    found = {}
    for label in ("", ", 100 a day", ", 1000 a day", ", sterilizing", ", under 65 only"):
        worlds = {f"delayed {e:g}{label}": e for e in EFFICACIES}
        if set(worlds) <= set(reference):
            points = {f"{world} against {reference[world]}": e for world, e in worlds.items()}
            turn = sign_turn(tree, "deaths", points)
            found[label.strip(", ") or "333 a day"] = {
                "efficacy": turn.value,
                "low": turn.low,
                "high": turn.high,
                "crossing_share": turn.crossing_share,
            }
    return found


def expected(tree: xr.DataTree) -> dict[str, Any]:
    """Everything that the README shows, and each replicate of the seven published settings.

    Per 100,000; `deaths_by_age` per 100,000 of the age group.
    """
    published = [_archive_name(*key) for key in ARCHIVE]
    rates = {outcome: per_100k(tree, outcome) for outcome in ("deaths", "infections")}
    by_group: dict[str, dict[str, Estimate]] = {}
    for e in effects(tree, "deaths", by_group=True):
        by_group.setdefault(e.name, {})[str(e.group)] = e
    return {
        "study": tree.attrs["study"],
        "agents": int(tree.attrs["agents"]),
        "days": int(tree.attrs["days"]),
        "seed": int(tree.attrs["seed"]),
        "replicates": int(tree["predictions"].sizes["replicate"]),
        "died_out": int(died_out(tree).sum()),
        "provenance": {str(key): str(value) for key, value in tree.attrs.items() if str(key).startswith("provenance_")},
        "settings": {
            estimate.name: {"deaths": _summary(estimate), "infections": _summary(other)}
            for estimate, other in zip(totals(tree, "deaths"), totals(tree, "infections"), strict=True)
        },
        "published_settings": {
            name: {outcome: rates[outcome].sel(world=name).values.tolist() for outcome in rates} for name in published
        },
        "contrasts": {
            estimate.name: {
                "deaths": _summary(estimate),
                "infections": _summary(other),
                "deaths_by_age": {age: _summary(e) for age, e in by_group[estimate.name].items()},
            }
            for estimate, other in zip(effects(tree, "deaths"), effects(tree, "infections"), strict=True)
        },
        "sign_turns": _turns(tree),
    }


def _difference(estimate: Estimate) -> list[str]:
    mean = f"{estimate.mean:+.1f} ({estimate.mean_low:+.1f} to {estimate.mean_high:+.1f})"
    return [mean, f"{estimate.mcse:.1f}", f"{estimate.q025:+.0f} to {estimate.q975:+.0f}"]


def reproduction(tree: xr.DataTree) -> str:
    """Medians beside those of the archive, with the tolerance that was set beforehand."""
    deaths = {e.name: e for e in totals(tree, "deaths")}
    infections = {e.name: e for e in totals(tree, "infections")}
    rows = []
    for (schedule, efficacy), (their_deaths, their_infections) in ARCHIVE.items():
        name = _archive_name(schedule, efficacy)
        d, i = deaths[name].median, infections[name].median
        ad, ai = float(np.median(their_deaths)), float(np.median(their_infections))
        limit = 45.0 if (schedule, efficacy) in NOISY else DEATHS_WITHIN
        share = 100 * (i / ai - 1)
        met = abs(d - ad) <= limit and abs(share) <= INFECTIONS_WITHIN[schedule]
        rows.append(
            [
                name,
                f"{d:.0f}",
                f"{ad:.1f}",
                f"{d - ad:+.1f} (within {limit:.0f})",
                f"{i:,.0f}",
                f"{ai:,.0f}",
                f"{share:+.2f}% (within {INFECTIONS_WITHIN[schedule]:g}%)",
                "yes" if met else "NO",
            ]
        )
    head = ["setting", "deaths", "archive", "difference", "infections", "archive", "difference", "met"]
    return table(head, rows)


def paired(tree: xr.DataTree, names: Sequence[str], outcome: str = "deaths") -> str:
    """Paired differences of some contrasts."""
    found = {estimate.name: estimate for estimate in effects(tree, outcome)}
    head = [
        "contrast",
        f"{outcome} per 100,000: mean (95% interval of the mean)",
        "Monte-Carlo error",
        "middle 95% of runs",
    ]
    return table(head, [[name, *_difference(found[name])] for name in names if name in found])


def by_age(tree: xr.DataTree, names: Sequence[str]) -> str:
    """Paired difference in deaths per 100,000 of all, by age group of those who die."""
    sizes = tree["constant_data"].to_dataset()["group_size"]
    share = sizes / sizes.sum()
    groups = [str(group) for group in sizes["group"].values]
    rows = []
    found = {(e.name, e.group): e for e in effects(tree, "deaths", by_group=True)}
    for group in groups:
        scale = float(share.sel(group=group))
        # Rounded before the sign is written: there is no -0.0.
        cells = [
            f"{round(found[n, group].mean * scale, 1) + 0.0:+.1f} ± {found[n, group].mcse * scale:.1f}" for n in names
        ]
        rows.append([group, *cells])
    return table(["age", *names], rows)


def turns(tree: xr.DataTree) -> str:
    """Where the sign turns."""

    def cell(value: float) -> str:
        return "none" if math.isnan(value) else f"{value:.3f}"

    rows = [
        [
            label,
            cell(t["efficacy"]),
            "none" if math.isnan(t["low"]) else f"{t['low']:.3f} to {t['high']:.3f}",
            f"{100 * t['crossing_share']:.0f}%",
        ]
        for label, t in _turns(tree).items()
    ]
    return table(["variant", "efficacy", "95% interval (bootstrap)", "bootstrap draws that cross"], rows)


def _epidemic(tree: xr.DataTree, world: str) -> tuple[float, float]:
    """Share ever infected (%) and the day of the peak of new infections (7-day mean), mean over replicates."""
    infections = tree["predictions"].to_dataset()["infections"].sel(world=world).sum("group")
    agents = float(tree["constant_data"].to_dataset()["group_size"].sum())
    peak = infections.rolling(day=7, center=True, min_periods=1).mean().argmax("day")
    return 100 * float(infections.sum("day").mean()) / agents, float(peak.mean())


def quirks(tree: xr.DataTree) -> str:
    """The conclusion with each quirk corrected alone, and all together."""
    found = {estimate.name: estimate for estimate in effects(tree, "deaths")}
    levels = {e.name: e.mean for e in totals(tree, "deaths")}
    rows = []
    for label, check in [
        ("", ""),
        (", under 65 only", ""),
        *((f", {quirk} corrected", HOW_TO_CHECK[quirk]) for quirk in QUIRKS),
        (", all corrected", ""),
    ]:
        cells = []
        for efficacy in (0.9, 0.8):
            e = found[f"delayed - standard {efficacy:g}{label}"]
            cells.append(f"{e.mean:+.1f} ± {e.mcse:.1f}")
        standard = f"standard 0.8{'' if 'under' in label else label}"  # the variant is one of the delay
        share, peak = _epidemic(tree, standard)
        name = label.removeprefix(", ") or "as archived"
        name += " (variant)" if label == ", under 65 only" else " (of that variant)" if "under_65" in label else ""
        rows.append([name, *cells, f"{levels[standard]:.0f}", f"{share:.0f}%", f"{peak:.0f}", check])
    head = ["mechanism", "0.9: delayed - standard", "0.8: delayed - standard", "deaths, standard 0.8"]
    return table([*head, "infected", "peak day", "how to check"], rows)


def conditions(tree: xr.DataTree) -> str:
    """What all tables have in common, from the result itself."""
    gone, runs = int(died_out(tree).sum()), int(tree["predictions"].sizes["replicate"])
    return (
        f"All tables: {int(tree.attrs['agents']):,} agents, {tree.attrs['days']} days, seed {tree.attrs['seed']}, "
        f"{runs} replicates, 333 doses a day from day 10 unless said otherwise, vaccine not sterilizing unless said "
        f"otherwise. Deaths and infections per 100,000. The epidemic died out in {gone} of {runs} replicates; such "
        "replicates are part of the means."
    )


def tables(tree: xr.DataTree) -> dict[str, str]:
    """Marker -> Markdown table."""
    main = [f"delayed - standard {e:g}" for e in EFFICACIES]
    labels = (", 100 a day", ", 1000 a day", ", sterilizing", ", under 65 only")
    variants = [f"delayed - standard {e:g}{label}" for label in labels for e in EFFICACIES]
    variants += [f"delayed - standard 0.8, sterilizing{label}" for label in (", 100 a day", ", 1000 a day")]
    return {
        "conditions": conditions(tree),
        "reproduction": reproduction(tree),
        "paired": paired(tree, main),
        "paired-infections": paired(tree, main, "infections"),
        "variants": paired(tree, variants),
        "by-age": by_age(tree, main),
        "sign-turn": turns(tree),
        "quirks": quirks(tree),
    }


def main() -> None:
    """Writes expected.json and the tables of README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results.nc of `causal-lpm run second-dose --full`")
    tree = load(parser.parse_args().results)
    (HERE / "expected.json").write_text(json.dumps(expected(tree), indent=1) + "\n", encoding="utf-8")
    page = HERE / "README.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), tables(tree)), encoding="utf-8")


if __name__ == "__main__":
    main()
