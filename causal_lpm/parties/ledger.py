"""What releases have cost in privacy: zero-concentrated differential privacy (zCDP), added up over all of them.

Bun and Steinke (2016): discrete Gaussian noise of sigma2 on a vector that one agent changes by at most `sensitivity` in
Euclidean length is rho-zCDP with rho = sensitivity^2 / (2 sigma2) (Canonne, Kamath and Steinke 2020, theorem 4), and
rho adds up over releases, whatever is chosen after having seen earlier ones.

Every party adds noise of sigma2 of its own. So the guarantee holds against all other parties together: they can take
off their own noise, and one honest party's is left. The sum of n discrete Gaussians has variance n sigma2. It is not a
discrete Gaussian, but as good as one: Kairouz, Liu and Steinke (2021, theorem 12) bound the difference by
10 sum_k exp(-2 pi^2 sigma2 k / (k + 1)), k from 1 to n - 1, which is below 1e-3 for sigma2 of 1 and below 1e-15 for 4.
Nothing here rests on that sum: more independent noise takes no privacy away.
"""

import json
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

__all__ = ["Ledger", "Spent", "epsilon_of"]


@dataclass(frozen=True)
class Spent:
    """One release: what was opened, how many numbers, and its price.

    Attributes:
        what: The name of the tally or gradient.
        numbers: How many were opened.
        sigma2: Of each party's noise; None: opened exactly, with no bound on what it tells.
        sensitivity: How far one agent can move the numbers, in Euclidean length.
    """

    what: str
    numbers: int
    sigma2: Fraction | None
    sensitivity: float = 1.0

    @property
    def rho(self) -> float:
        """Of zCDP; infinite for an exact release."""
        return math.inf if self.sigma2 is None else self.sensitivity**2 / (2 * float(self.sigma2))


class Ledger:
    """All releases so far, and what they cost together.

    Args:
        entries: What was released before.
        file: Keeps the entries, one a line, and is read first where it is there.

    >>> ledger = Ledger()
    >>> ledger.add(Spent("cases", 100, Fraction(50)))
    >>> ledger.add(Spent("deaths", 100, Fraction(50)))
    >>> ledger.rho, round(ledger.epsilon(1e-6), 1)
    (0.02, 0.9)
    """

    def __init__(self, entries: tuple[Spent, ...] = (), file: Path | None = None) -> None:
        self._before, self._file = tuple(entries), file
        self.entries = list(entries)
        if file is not None and file.exists():
            self.entries += [_read(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def also_in(self, file: Path) -> "Ledger":
        """This ledger, which from now on keeps its entries in a file, after those that are there."""
        return Ledger(self._before if self._file == file else tuple(self.entries), file)

    def add(self, entry: Spent) -> None:
        """Notes a release: before it is opened, so that a run which ends in between has paid."""
        self.entries.append(entry)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps([entry.what, entry.numbers, _written(entry.sigma2), entry.sensitivity]) + "\n")

    @property
    def rho(self) -> float:
        """The sum over releases."""
        return math.fsum(entry.rho for entry in self.entries)

    def epsilon(self, delta: float) -> float:
        """The epsilon of (epsilon, delta)-differential privacy that all releases together have."""
        return epsilon_of(self.rho, delta)

    def table(self) -> str:
        """The releases as CSV, with the price of each."""
        lines = ["release,numbers,sigma2,sensitivity,rho"]
        for each in self.entries:
            sigma2 = "exact" if each.sigma2 is None else str(each.sigma2)
            lines.append(f"{each.what},{each.numbers},{sigma2},{each.sensitivity:g},{each.rho:.6g}")
        return "\n".join([*lines, f"all,,,,{self.rho:.6g}"]) + "\n"

    def write(self, path: Path) -> None:
        """Writes `table` to a new file.

        Raises:
            FileExistsError: there is one.
        """
        with path.open("x", encoding="utf-8") as file:
            file.write(self.table())


def _written(sigma2: Fraction | None) -> str | None:
    return None if sigma2 is None else str(sigma2)


def _read(line: str) -> Spent:
    what, numbers, sigma2, sensitivity = json.loads(line)
    return Spent(what, numbers, None if sigma2 is None else Fraction(sigma2), sensitivity)


def epsilon_of(rho: float, delta: float) -> float:
    """The epsilon at `delta` of rho-zCDP: the least over alpha of Canonne, Kamath and Steinke (2020), corollary 13.

    Raises:
        ValueError: rho below 0, delta not between 0 and 1.

    >>> epsilon_of(0.0, 1e-6), epsilon_of(float("inf"), 1e-6)
    (0.0, inf)
    """
    if not rho >= 0:
        raise ValueError(f"rho is {rho}: it must be at least 0.")
    if not 0 < delta < 1:
        raise ValueError(f"delta is {delta}: give a number between 0 and 1, well below one over the number of agents.")
    if rho in (0.0, math.inf):
        return rho

    def at(log_order: float) -> float:  # of alpha - 1
        order = math.exp(log_order)
        alpha = 1 + order
        return alpha * rho + math.log(1 / (alpha * delta)) / order + math.log1p(-1 / alpha)

    # One minimum (the function is the sum of a rising and a falling part): a golden section finds it.
    ratio = (math.sqrt(5) - 1) / 2
    low, high = -20.0, 30.0
    while high - low > 1e-9:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if at(left) < at(right) else (left, high)
    return max(0.0, at((low + high) / 2))
