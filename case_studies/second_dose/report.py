"""The study's numbers and tables, made from a finished `causal-lpm run second-dose --full`."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from case_studies.page import table
from case_studies.second_dose.inputs import ARCHIVE
from case_studies.second_dose.mechanism import HOW_TO_CHECK
from case_studies.second_dose.study import EFFICACIES, QUIRKS
from causal_lpm.inference import (
    Summary,
    died_out,
    effects,
    load,
    per_100k,
    references,
    sign_turn,
    summarise,
    totals,
)

__all__ = ["expected", "finished", "tables"]

DEATHS_WITHIN = 30.0
NOISY = (("delayed", 0.9), ("delayed", 0.75))  # the archive itself is ten noisy runs: 45 instead of 30 deaths
INFECTIONS_WITHIN = {"none": 0.5, "standard": 1.0, "delayed": 2.5}  # per cent


def _archive_name(schedule: str, efficacy: float | None) -> str:
    return "no vaccine" if efficacy is None else f"{schedule} {efficacy:g}"


def _summary(row: Summary) -> dict[str, float]:
    keys = ("mean", "mean_low", "mean_high", "mcse", "median", "q025", "q975")
    values = (row.mean, *row.mean_interval, row.mcse, row.median, *row.interval_95)
    return {key: round(value, 3) for key, value in zip(keys, values, strict=True)}


def differences(tree: xr.DataTree, outcome: str, by: str = "total") -> list[Summary]:
    """Delayed minus standard, as the published tables have it: minus what the delay averts."""
    found = effects(tree["predictions"].to_dataset(), references(tree), outcome, by=by, per=1e5)[["averted"]]
    # Not the minus of a number: there is no -0.0 in the published ones.
    rows = summarise(found.assign(averted=0.0 - found["averted"]))
    return [replace(row, name=_published(row.name)) for row in rows]


def _published(contrast: str) -> str:
    return contrast.partition(" against ")[0].replace("delayed", "delayed - standard")


def _totals(tree: xr.DataTree, outcome: str) -> list[Summary]:
    return summarise(totals(tree["predictions"].to_dataset(), outcome, per=1e5))


def _turns(tree: xr.DataTree) -> dict[str, dict[str, float]]:
    """Efficacy at which delayed and standard have equally many deaths, for each variant with all efficacies."""
    found = effects(tree["predictions"].to_dataset(), references(tree), "deaths", per=1e5)
    turns = {}
    for label in ("", ", 100 a day", ", 1000 a day", ", sterilizing", ", under 65 only"):
        points = {f"delayed {e:g}{label}": e for e in EFFICACIES}
        if set(points) <= set(found["world"].values):
            turn = sign_turn(found, points)
            turns[label.strip(", ") or "333 a day"] = {
                "efficacy": turn.value,
                "low": turn.low,
                "high": turn.high,
                "crossing_share": turn.crossing_share,
            }
    return turns


def expected(tree: xr.DataTree) -> dict[str, Any]:
    """Everything that the README shows, and each replicate of the seven published settings.

    Per 100,000; `deaths_by_age` per 100,000 of the age group.
    """
    published = [_archive_name(*key) for key in ARCHIVE]
    predictions = tree["predictions"].to_dataset()
    rates = {outcome: per_100k(predictions, outcome).isel(draw=0) for outcome in ("deaths", "infections")}
    by_group: dict[str, dict[str, Summary]] = {}
    for e in differences(tree, "deaths", "group"):
        by_group.setdefault(e.name, {})[str(e.group)] = e
    return {
        "study": tree.attrs["study"],
        "agents": int(tree.attrs["agents"]),
        "days": int(tree.attrs["days"]),
        "seed": int(tree.attrs["seed"]),
        "replicates": int(tree["predictions"].sizes["replicate"]),
        "died_out": int(died_out(tree["predictions"].to_dataset()).sum()),
        "provenance": {str(key): str(value) for key, value in tree.attrs.items() if str(key).startswith("provenance_")},
        "settings": {
            estimate.name: {"deaths": _summary(estimate), "infections": _summary(other)}
            for estimate, other in zip(_totals(tree, "deaths"), _totals(tree, "infections"), strict=True)
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
            for estimate, other in zip(differences(tree, "deaths"), differences(tree, "infections"), strict=True)
        },
        "sign_turns": _turns(tree),
    }


def _difference(row: Summary) -> list[str]:
    mean = f"{row.mean:+.1f} ({row.mean_interval[0]:+.1f} to {row.mean_interval[1]:+.1f})"
    return [mean, f"{row.mcse:.1f}", f"{row.interval_95[0]:+.0f} to {row.interval_95[1]:+.0f}"]


def reproduction(tree: xr.DataTree) -> str:
    """Medians beside those of the archive, with the tolerance that was set beforehand."""
    deaths = {e.name: e for e in _totals(tree, "deaths")}
    infections = {e.name: e for e in _totals(tree, "infections")}
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
    found = {estimate.name: estimate for estimate in differences(tree, outcome)}
    head = [
        "contrast",
        f"{outcome} per 100,000: mean (95% interval of the mean)",
        "Monte-Carlo error",
        "middle 95% of runs",
    ]
    return table(head, [[name, *_difference(found[name])] for name in names if name in found])


def by_age(tree: xr.DataTree, names: Sequence[str]) -> str:
    """Paired difference in deaths per 100,000 of all, by age group of those who die."""
    sizes = tree["predictions"].to_dataset()["group_size"]
    share = sizes / sizes.sum()
    groups = [str(group) for group in sizes["group"].values]
    rows = []
    found = {(e.name, e.group): e for e in differences(tree, "deaths", "group")}
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
    agents = float(tree["predictions"].to_dataset()["group_size"].sum())
    peak = infections.rolling(day=7, center=True, min_periods=1).mean().argmax("day")
    return 100 * float(infections.sum("day").mean()) / agents, float(peak.mean())


def quirks(tree: xr.DataTree) -> str:
    """The conclusion with each quirk corrected alone, and all together."""
    found = {estimate.name: estimate for estimate in differences(tree, "deaths")}
    levels = {e.name: e.mean for e in _totals(tree, "deaths")}
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
    gone, runs = int(died_out(tree["predictions"].to_dataset()).sum()), int(tree["predictions"].sizes["replicate"])
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


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished run of all settings."""
    tree = load(folder / "results.nc")
    return expected(tree), tables(tree)
