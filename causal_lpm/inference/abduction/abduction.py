"""What abduction leaves: paths of parameters and luck, the gates' verdict, and questions that they answer."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from causal_lpm import validate
from causal_lpm.inference.abduction.replays import replays
from causal_lpm.inference.abduction.windowed import luck
from causal_lpm.inference.diagnostics.report import Report
from causal_lpm.inference.individuals.line_list import LineList
from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.policies.statements import REFUSED
from causal_lpm.inference.program.evaluation import Given
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.results import tree_files

__all__ = ["Abduction"]


class Abduction:
    """Paths that may have led to the data, of equal weight.

    Args:
        parameters: Name -> `[path, *shape]`, nuisances among them.
        seeds: int64 `[path, windows, blocks]`.
        first_days: First day of each window.
        filters: Of which filter each path is, int64 `[path]`.
        log_evidence: Log of the probability of the data under the model.
        report: The gates.
        problem: The model and its data; None for an abduction that was loaded without its model.
        settings: How it was made.
        line_list: What was known of single agents.
        again: Abducts other data of the same model from a first posterior; see `update`.

    Attributes:
        status: "abducted", or "interventional only" where a gate failed: then worlds differ as in any epidemic of the
            model, and nothing is known of the one that happened.
        reason: Why; empty where it was abducted.
    """

    def __init__(
        self,
        parameters: Mapping[str, torch.Tensor],
        seeds: torch.Tensor,
        first_days: Sequence[int],
        filters: torch.Tensor,
        log_evidence: float,
        report: Report,
        problem: Problem | None = None,
        settings: Mapping[str, Any] | None = None,
        line_list: LineList | None = None,
        again: "Callable[..., Abduction] | None" = None,
    ) -> None:
        self.parameters, self.seeds, self.first_days = dict(parameters), seeds, tuple(first_days)
        self.filters, self.log_evidence, self.report = filters, log_evidence, report
        self.problem, self.settings, self.line_list = problem, dict(settings or {}), line_list
        self._again = again

    @property
    def status(self) -> str:
        return REFUSED if self.report.failed or not self.report.gates else "abducted"

    @property
    def reason(self) -> str:
        """Why it is refused."""
        return " ".join(gate.sentence for gate in self.report.failed)

    @property
    def model(self) -> Model:
        """Raises ValueError where it was loaded without its model."""
        if self.problem is None:
            raise ValueError("this abduction was loaded without its model: give it, as in Abduction.load(path, model).")
        return self.problem.model

    def __len__(self) -> int:
        return len(self.seeds)

    def __repr__(self) -> str:
        windows, blocks = self.seeds.shape[1:]
        return f"Abduction({self.status!r}, {len(self)} paths of {windows} windows and {blocks} blocks)"

    @contextlib.contextmanager
    def replay(self, paths: slice = slice(None)) -> Iterator[None]:
        """Under this the model has the parameters and the luck of the paths, side by side at dimension -2."""
        coordinates = self._known().coordinates
        z = (
            coordinates.inverse({name: value[paths] for name, value in self.parameters.items()})
            if self.parameters
            else None
        )
        people = contextlib.nullcontext() if self.line_list is None else self.line_list.conditioning(refuse=False)
        given = Given({} if z is None else coordinates.placed(z))
        with luck(self.seeds[paths], self.first_days), people, given:
            yield

    def predict(
        self,
        worlds: Mapping[str, Mapping[str, float]] | None = None,
        *,
        kind: str = "counterfactual",
        seed: int = 0,
        **options: Any,
    ) -> xr.Dataset:
        """What these worlds would have been in the epidemic that happened, or in a new one under the same posterior.

        Args:
            worlds: Name -> policy -> value; `{}` is what was done.
            kind: "counterfactual": each path's own luck; "paired" or "interventional": luck that is new, as in
                `predict`, for comparison.
            seed: Of reports that were not observed, and of new luck.
            options: As of `replays` or `predict`, such as `outcomes`, `workers` and `folder`.

        Returns:
            (world, draw, replicate, group, day) with attributes `kind`, `status` and `reason`.
        """
        problem = self._known()
        validate.known("kind of prediction", kind, ["counterfactual", "paired", "interventional"])
        if kind == "counterfactual":
            if given := [name for name in ("draws", "replicates") if name in options]:
                raise TypeError(
                    f"a counterfactual has no {given[0]}=: it replays all {len(self)} paths, each once with its own "
                    "luck; abduct with other paths=, or ask for kind='paired'."
                )
            data = {name: series.values for name, series in {**problem.data, **problem.terms}.items()}
            found = replays(
                problem.model,
                self.parameters,
                self.seeds,
                self.first_days,
                worlds,
                data=data,
                line_list=self.line_list,
                seed=seed,
                **options,
            )
        else:
            sites = tuple(problem.terms)
            found = predict(problem.model, self.parameters, worlds, kind=kind, seed=seed, data_sites=sites, **options)
        return found.assign_attrs(status=self.status, reason=self.reason)

    def update(self, data: Mapping[str, Any], **options: Any) -> "Abduction":
        """The abduction of more data of the same epidemic, looked for around what is known from those before.

        Args:
            data: Site -> numbers of the same shape, in which fewer are NaN; all of them, not the new ones alone.
            options: As of `abduct`, in place of those with which this was made.

        Raises:
            ValueError: numbers that were there are gone or changed; an abduction that was loaded, or as of `abduct`.
        """
        problem = self._known()
        if self._again is None:
            raise ValueError(
                "an abduction that was loaded cannot be updated, since the file has not all of its options: call "
                "abduct(model, data, loaded), which begins at its parameters."
            )
        for name, series in {**problem.data, **problem.terms}.items():
            if name not in data:
                raise ValueError(f"the data of site {name!r} are left out: give those of all sites.")
            numbers = torch.as_tensor(np.asarray(data[name], dtype=float))
            if numbers.numel() != series.values.numel():
                raise ValueError(
                    f"the data of site {name!r} have shape {tuple(numbers.shape)} where {tuple(series.values.shape)} "
                    "were abducted: give all days again, NaN where one has not come yet."
                )
            there = numbers.reshape(series.values.shape)[series.present]
            if not torch.equal(there, series.values[series.present]):
                raise ValueError(
                    f"the data of site {name!r} differ from those that were abducted: an update adds numbers; abduct "
                    "data that were corrected anew."
                )
        return self._again(data, self, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as NetCDF (`.nc`) or Zarr (`.zarr`), never over another result."""
        tree_files.save(self._tree(), Path(path))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        model: Model | None = None,
        data: Mapping[str, Any] | None = None,
        line_list: LineList | None = None,
    ) -> "Abduction":
        """Reads a saved abduction; with its model it answers questions again.

        Args:
            path: That it was saved to.
            model: The same model.
            data: Those that were given, if they are not to be taken from the file.
            line_list: The one with which it was made; the file does not have it.

        Raises:
            ValueError: a file that holds no abduction; a model without the line list with which its paths were found,
                or with another one.
        """
        tree = tree_files.load(Path(path))
        if tree.attrs.get("kind") != "abduction":
            raise ValueError(f"{path} holds no abduction: give a file that Abduction.save has written.")
        paths = tree["paths"].to_dataset()
        parameters = {
            str(name).removeprefix("parameter/"): torch.from_numpy(values.values.copy())
            for name, values in tree["parameters"].to_dataset().data_vars.items()
        }
        problem = None
        if model is not None and _fingerprint(line_list) != tree.attrs.get("line_list", ""):
            raise ValueError(
                f"the paths in {path} were found {'with' if tree.attrs.get('line_list') else 'without'} a line list, "
                "and the luck of agents goes by it: give Abduction.load that line list, and no other, as line_list=."
            )
        if model is not None:
            told = {str(name): values.values for name, values in tree["observed_data"].to_dataset().data_vars.items()}
            problem = Problem(model, told if data is None else data)
        return cls(
            parameters,
            torch.from_numpy(paths["seeds"].values.copy()),
            [int(day) for day in paths["first_day"].values],
            torch.from_numpy(paths["filter"].values.copy()),
            float(tree.attrs["log_evidence"]),
            Report.from_dataset(tree["diagnostics"].to_dataset()),
            problem,
            {
                str(name).removeprefix("setting_"): v
                for name, v in tree.attrs.items()
                if str(name).startswith("setting_")
            },
            line_list,
        )

    def _tree(self) -> xr.DataTree:
        seeds = xr.Dataset(
            {
                "seeds": (("path", "window", "block"), self.seeds.numpy()),
                "first_day": ("window", np.array(self.first_days)),
                "filter": ("path", self.filters.numpy()),
            }
        )
        parameters = {
            name: (("path", *(f"{name}_{i}" for i in range(value.dim() - 1))), value.numpy())
            for name, value in self.parameters.items()
        }
        groups = {"paths": seeds, "parameters": xr.Dataset(parameters), "diagnostics": self.report.to_dataset()}
        if self.problem is not None:
            observed = {
                name: ([f"{name}_{i}" for i in range(series.values.dim())], series.values.numpy())
                for name, series in {**self.problem.data, **self.problem.terms}.items()
            }
            groups["observed_data"] = xr.Dataset(observed)
        tree = xr.DataTree.from_dict(groups)
        tree.attrs = {
            "kind": "abduction",
            "status": self.status,
            "reason": self.reason,
            "log_evidence": self.log_evidence,
            "line_list": _fingerprint(self.line_list),
        }
        tree.attrs |= {f"setting_{name}": value for name, value in self.settings.items()}
        return tree

    def _known(self) -> Problem:
        self.model  # noqa: B018  says what is missing
        assert self.problem is not None
        return self.problem


def _fingerprint(line_list: LineList | None) -> str:
    return "" if line_list is None else line_list.fingerprint()
