"""Tables of the measles question, from its numbers."""

from typing import Any

from case_studies.page import table

__all__ = ["tables"]


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown, from the numbers of `reproduce`."""
    parts = {
        "measles-about": _about(numbers),
        "measles-immune": _immune(numbers["immune"]),
        "measles-compared": _compared(numbers),
    }
    if "known" in numbers:
        parts["measles-known"] = _known(numbers)
    if "cases" in numbers:
        parts["measles-cases"] = _cases(numbers)
    return parts


def _about(numbers: dict[str, Any]) -> str:
    size, (few, middle, many) = numbers["size"], numbers["sizes"]["reported"]
    return (
        f"*Kind: counterfactual* (parameters and luck given the reported weeks; worlds share both). {size['agents']:,} "
        f"people, of whom {numbers['agents']:,} may be susceptible and are agents; {size['weeks']} weeks; "
        f"{size['outbreaks']:,} simulated outbreaks, of which {numbers['noticed']:,} have at least 20 reported cases "
        f"(10%: {few:.0f}, median {middle:.0f}, 90%: {many:,.0f}); {numbers['trained']:,} of them train. Seed "
        f"{numbers['seed']}. "
        + " ".join(f"Gate {gate['name']}: {gate['verdict']}. {gate['sentence']}" for gate in numbers["gates"])
    )


def _immune(immune: dict[str, dict[str, float]]) -> str:
    by_district = sorted(immune["district"].items(), key=lambda row: row[1])
    rows = [
        *((_years(name), share) for name, share in immune["born"].items()),
        *((f"{name}, to 50 years", share) for name, share in immune["ethnicity"].items()),
        *((f"{name}, to 50 years", share) for name, share in (by_district[0], by_district[-1])),
    ]
    return table(
        ("immune at the centre of the prior", "share"), ((name, f"{100 * share:.1f}%") for name, share in rows)
    )


def _years(born: str) -> str:
    """One year instead of the first and the last where they are the same."""
    first, _, last = born.removeprefix("born ").partition("-")
    return f"born {first}" if first == last else born


def _compared(numbers: dict[str, Any]) -> str:
    rows = [
        (
            f"5 points more {name}",
            f"{found['not 0']} of {found['outbreaks']}",
            f"{100 * found['holds']:.0f}%",
            f"{found['width']:,.0f}",
            f"{found['error']:,.1f}",
            f"{100 * found['holds without weeks']:.0f}%",
            f"{found['width without weeks']:,.0f}",
            f"{found['error without weeks']:,.1f}",
        )
        for name, found in numbers["compared"].items()
    ]
    head = (
        "outbreaks that did not train",
        "with an effect",
        "90% intervals hold",
        "mean width",
        "mean error",
        "by size alone: hold",
        "mean width",
        "mean error",
    )
    return table(head, rows)


def _known(numbers: dict[str, Any]) -> str:
    known, names = numbers["known"], list(numbers["compared"])
    rows = [
        (
            f"{at + 1}, {row['district']}",
            f"{row['reported']:,}",
            f"{row['infections']:,}",
            *(cell for name in names for cell in _cells(row[name])),
        )
        for at, row in enumerate(known)
    ]
    head = ["outbreak, most cases in", "reported", "infected"]
    for name in names:
        head += [f"averted by 5 points more {name}", "90% interval"]
    held = "; ".join(
        f"{sum(row[name]['low'] <= row[name]['truth'] <= row[name]['high'] for row in known)} of {len(known)} {name}"
        f" ({sum(row[name]['truth'] != 0 for row in known)} truths are not 0)"
        for name in names
    )
    return f"{table(head, rows)}\n\nHeld by the 90% intervals: {held}."


def _cells(effect: dict[str, int]) -> tuple[str, str]:
    held = effect["low"] <= effect["truth"] <= effect["high"]
    return f"{effect['truth']:,}", f"{effect['low']:,} to {effect['high']:,}{'' if held else ' (missed)'}"


def _cases(numbers: dict[str, Any]) -> str:
    found = numbers["cases"]
    rows = [
        (
            row["coverage"],
            f"{row['reported']:,}",
            f"{row['doses']:,}",
            f"{row['median']:,} ({row['low']:,} to {row['high']:,})",
        )
        for row in found["answers"]
    ]
    head = ("five points more", "reported there", "people more vaccinated", "infections averted, 90% interval")
    return (
        f"*Kind: {found['status']}.* {found['reported']:,} reported cases from {found['first_day']} on. "
        f"{found['likeness']['sentence']}\n\n{table(head, rows)}"
    )
