"""Draws of the parameters: as tensors for a model, as a table, and what is derived from them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import xarray as xr

from causal_lpm.inference.calibration.parameter_summary import Derived, derived_draws, summary_of
from causal_lpm.inference.results.calibration_tree import with_group
from causal_lpm.validate import whole_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PosteriorDraws"]


class PosteriorDraws:
    """What a result says of its parameters.

    Attributes:
        tree: Groups as ArviZ names them; see `build_tree`.
    """

    tree: xr.DataTree

    @property
    def draws(self) -> int:
        """How many draws of the posterior there are, of all chains."""
        sizes = self.tree["posterior"].sizes
        return int(sizes["chain"] * sizes["draw"])

    def parameters(self, draws: int | None = None) -> dict[str, torch.Tensor]:
        """Posterior draws, evenly chosen, name -> float32 `[draw, *shape]`; without what is generated or derived."""
        about = {str(name): values.attrs for name, values in self.tree["posterior"].data_vars.items()}
        return {
            name: values
            for name, values in self._samples(draws).items()
            if not {"generated", "derived"} & set(about[name])
        }

    def _samples(self, draws: int | None, group: str = "posterior") -> dict[str, torch.Tensor]:
        count = self.draws
        wanted = whole_number("draws", count if draws is None else draws)
        if wanted > count:
            raise ValueError(f"{wanted} draws were asked for and the posterior has {count}: ask for at most that many.")
        chosen = torch.linspace(0, count - 1, wanted).round().long()
        return {
            str(name): torch.as_tensor(values.values, dtype=torch.float32).flatten(0, 1)[chosen]
            for name, values in self.tree[group].to_dataset().data_vars.items()
        }

    def summary(
        self, group: str = "posterior", truth: Mapping[str, float] | None = None, natural: bool = True
    ) -> "pd.DataFrame":
        """Each parameter, what was derived and what networks generate, in natural units; or of the "prior".

        Columns: `mean`, `sd`, `5%`, `95%`, `median`; `prior 5%`, `prior 95%`; of positive parameters and shares `scale`
        ("log" or "logit") with `mean on it` and `sd on it`; with the truth, `truth` and `truth inside` of 5% to 95%. A
        parameter that the model calls `log_rate` or `logit_share` is shown as `rate`, `share`.

        Args:
            group: "posterior" or "prior".
            truth: Parameter -> its true value, where it is known; elements as "beta[0]".
            natural: Whether logarithms and logits are shown as what they are of; else everything as the model has it.
        """
        return summary_of(self.tree, group, truth, natural)

    def derive(self, derived: Derived) -> xr.Dataset:
        """Draws of what is computed from the parameters; kept in the tree, so that tables and charts have it, too.

        Args:
            derived: Name -> function of the draws, as `{"R0": lambda p: p["beta"] * 8 / p["gamma"]}`; they are
                variables (chain, draw, *shape), of the posterior and, if there is one, of the prior.

        Raises:
            ValueError: a parameter's name; a result without draws.
        """
        groups = [name for name in ("posterior", "prior") if name in self.tree.children]
        found = {name: derived_draws(self.tree[name].to_dataset(), derived) for name in groups}
        for name, draws in found.items():
            self.tree = with_group(self.tree, name, self.tree[name].to_dataset().assign(draws))
        return xr.Dataset(found["posterior"])
