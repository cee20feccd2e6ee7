"""What a calibration leaves: a tree of ArviZ's groups, the report, and questions that it answers."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from causal_lpm.inference.abduction.abduct import abduct
from causal_lpm.inference.abduction.abduction import Abduction
from causal_lpm.inference.calibration.fresh_check import checked_again
from causal_lpm.inference.calibration.joint_prior import Feedback, JointPrior, joint_prior
from causal_lpm.inference.calibration.kept_posterior import keep_posterior, kept_posterior
from causal_lpm.inference.calibration.point import PointCalibration
from causal_lpm.inference.calibration.posterior_draws import PosteriorDraws
from causal_lpm.inference.calibration.verdict_text import html_of
from causal_lpm.inference.charts.style import banner_text
from causal_lpm.inference.diagnostics.report import Report
from causal_lpm.inference.policies.against_data import compared_with_data
from causal_lpm.inference.policies.effects import effects
from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.policies.ranking import Loss, rank_policies
from causal_lpm.inference.posteriors.posterior import Posterior
from causal_lpm.inference.posteriors.sbi_posterior import SbiPosterior
from causal_lpm.inference.program.data_sites import read_with_data
from causal_lpm.inference.program.parameters import Parameter, parameters_of
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.results import tree_files
from causal_lpm.inference.results.arviz import to_arviz
from causal_lpm.inference.results.calibration_tree import with_group
from causal_lpm.inference.results.data_labels import with_labels_of_data

__all__ = ["CalibrationResult"]

NO_MODEL = "a loaded result has no model: give it, as in CalibrationResult.load(path, model=...)."


class CalibrationResult(PosteriorDraws):
    """A calibrated model: posterior draws with their diagnostics, and predictions of policies under them.

    Args:
        tree: Groups as ArviZ names them; see `build_tree`.
        report: The gates.
        problem: The model and data; None for a result that was loaded without its model.
        posterior: Answers for other data sets of the same sites, `posterior.given(data)`; None for a loaded result, or
            a point.
        model: That policies are asked of, where there is no problem.
        point: Of method "gradient", with the state of networks, which files do not hold.

    Attributes:
        tree: As given, with `predictions` and `causal_effect` once they were asked for.
    """

    def __init__(
        self,
        tree: xr.DataTree,
        report: Report,
        problem: Problem | None = None,
        posterior: Posterior | None = None,
        model: Model | None = None,
        point: PointCalibration | None = None,
    ) -> None:
        self.tree, self.report, self.problem, self.posterior, self.point = tree, report, problem, posterior, point
        self._model = problem.model if model is None and problem is not None else model

    @property
    def status(self) -> str:
        """One of "calibrated", "uncalibrated" (a gate failed) and "optimised" (no posterior)."""
        return str(self.tree.attrs["status"])

    @property
    def method(self) -> str:
        """As given to `fit`."""
        return str(self.tree.attrs["method"])

    @property
    def banner(self) -> str:
        """What every chart and table of it must say; empty for a calibrated result."""
        return banner_text(self.tree)

    def __repr__(self) -> str:
        return f"CalibrationResult({self.method!r}, {self.status!r}, {self.draws} draws)"

    def as_prior(self, names: Sequence[str], feedback: Feedback = "joint", *, name: str = "handed_on") -> JointPrior:
        """This posterior of some parameters, as a prior that another model calls where it needs their values.

        It is one sample site: a normal distribution of the parameters without constraints, with the mean and
        covariance of the draws.

        Args:
            names: Parameters that are handed on.
            feedback: "joint", and the data of the other model update them, as data of both models would; "cut", and
                they must not, because the other model is trusted less in what it says of them: `fit` then returns the
                cut distribution.
            name: Of the site.

        Raises:
            ValueError: a result that is not calibrated, an unknown parameter, draws that no normal distribution
                describes, a result without its model.

        >>> import pyro, pyro.distributions as dist
        >>> from causal_lpm import observed
        >>> from causal_lpm.inference import fit
        >>> def survey():
        ...     rate = pyro.sample("rate", dist.LogNormal(0.0, 1.0))
        ...     observed("count", dist.Poisson(rate.unsqueeze(-1).expand(*rate.shape, 3)).to_event(1))
        >>> rates = fit(survey, {"count": [2, 0, 1]}, "nuts", gate=0, budget=100).as_prior(["rate"])
        >>> rates()["rate"].shape
        torch.Size([])
        """
        if self.status != "calibrated":
            raise ValueError(
                f"this result is {self.status!r}, which is no prior of another model: see report.table() for what to "
                "try."
            )
        parameters = self._latent()
        return joint_prior(name, parameters, self.parameters(), names, feedback)

    def _latent(self) -> tuple[Parameter, ...]:
        """The parameters with their priors."""
        if self.problem is not None:
            return self.problem.parameters
        if self._model is None:
            raise ValueError(NO_MODEL)
        sites = [str(site) for site in self.tree["observed_data"].data_vars]
        return parameters_of(read_with_data(self._model, sites).of("parameter"))

    def predict(
        self,
        worlds: Mapping[str, Mapping[str, float]] | None = None,
        *,
        kind: str = "paired",
        draws: int = 100,
        replicates: int = 1,
        seed: int | None = None,
        model: Model | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Simulates worlds under the posterior, and keeps them in the tree as `predictions`.

        Groups and days are called what the data call theirs, where there are as many.

        Args:
            worlds: Name -> policy -> value; `{}` is the model as it stands.
            kind: "paired" (worlds share their luck) or "interventional" (each has its own).
            draws: Of the posterior; a point has one.
            replicates: Of the luck of each draw; at least two tell luck from parameters.
            seed: Of the luck; that of the calibration, if not given.
            model: Another program with the same parameters, for example with more days.
            options: As of `causal_lpm.inference.policies.predictive.predict`, such as `given="outbreak"`, `workers`,
                `folder` and `progress`; `group_labels` and `start_date` take the place of the labels and dates of the
                data.

        Returns:
            As there, with attributes `status`, and `misses` where runs of the model as it stands miss the data.

        Raises:
            ValueError: an unknown policy or kind, more draws than there are, no model.
        """
        program = model or self._model
        if program is None:
            raise ValueError(NO_MODEL)
        own = int(self.tree.attrs["seed"]) if seed is None else seed
        if self.point is not None:
            program, draws = partial(_at_point, self.point, program), 1
        given = self.parameters(draws)
        if "nuisances" in self.tree.children:
            given |= self._samples(draws, "nuisances")
        sites = self.tree["observed_data"].data_vars if "observed_data" in self.tree.children else ()
        asked = {"data_sites": tuple(map(str, sites)), **options}
        found = predict(program, given, worlds, kind=kind, replicates=replicates, seed=own, **asked)
        if "observed_data" in self.tree.children:
            observed = self.tree["observed_data"].to_dataset()
            found = compared_with_data(found, observed, worlds)
            groups, dates = (options.get(name) is None for name in ("group_labels", "start_date"))
            found = with_labels_of_data(found, observed, groups=groups, dates=dates)
        found.attrs["status"] = self.status
        self.tree = with_group(self.tree, "predictions", found)
        return found

    def abduct(self, **options: Any) -> Abduction:
        """The parameters and the luck of the epidemic whose data these are; see `abduct`.

        Args:
            options: As of `causal_lpm.inference.abduct`, such as `particles`, `blocks`, `line_list` and `workers`.

        Raises:
            ValueError: a result without its model or without its data.
        """
        if self.problem is None:
            raise ValueError("a loaded result has no data to abduct: abduct(model, data, posterior=result).")
        data = {name: series.values for name, series in {**self.problem.data, **self.problem.terms}.items()}
        return abduct(self.problem.model, data, self, **options)

    def effects(self, reference: str, outcome: str, **options: Any) -> xr.Dataset:
        """Worlds against a reference world, from the last predictions; kept in the tree as `causal_effect`.

        Args:
            reference: Name of the world that is subtracted from.
            outcome: What is counted.
            options: As of `causal_lpm.inference.policies.effects.effects`.
        """
        found = effects(self._predictions(), reference, outcome, **options)
        found.attrs.setdefault("status", self.status)  # predictions of an abduction have one of their own
        self.tree = with_group(self.tree, "causal_effect", found)
        return found

    def rank_policies(self, loss: Loss) -> xr.Dataset:
        """Expected loss, probability of being best, regret and value of information of each predicted world."""
        found = rank_policies(self._predictions(), loss)
        found.attrs.setdefault("status", self.status)
        return found

    def _predictions(self) -> xr.Dataset:
        if "predictions" not in self.tree.children:
            raise ValueError("there are no predictions yet: call predict(worlds=...) first.")
        return self.tree["predictions"].to_dataset()

    def check(self, model: Model | None = None, simulations: int = 200, seed: int = 1) -> Report:
        """Gates on fresh simulations with known truth, of the model or of another one.

        With another model it says whether the posterior would be right if the world were that: another prior, another
        reporting. Data sites and parameters must be the same.

        Args:
            model: Makes the truths and the data; the calibrated model, if not given.
            simulations: How many, at least 200 for a verdict.
            seed: Determines every number.

        Raises:
            ValueError: the result has no posterior for other data sets.
        """
        return checked_again(self.problem, self.posterior, model, simulations, seed)

    def to_sbi(self, seed: int = 0) -> SbiPosterior:
        """The posterior as sbi's own diagnostics take one; see `SbiPosterior`.

        Raises:
            ValueError: a result without a posterior for other data.
        """
        if self.problem is None or self.posterior is None:
            raise ValueError(
                "this result answers for no other data: take that of fit, or load one that was saved with "
                "posterior=True."
            )
        return SbiPosterior(self.problem, self.posterior, seed)

    def to_arviz(self) -> Any:
        """ArviZ's own object: InferenceData up to ArviZ 0.23, the DataTree from 1.0 on."""
        return to_arviz(self.tree)

    def plots(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Draws everything that there is into a folder, and returns the files."""
        from causal_lpm.inference.charts.calibration_charts import save_calibration_plots

        return list(save_calibration_plots(self.tree, Path(folder)))

    def save(self, path: str | os.PathLike[str], posterior: bool = False) -> None:
        """Writes the tree as NetCDF (`.nc`) or Zarr (`.zarr`), never over another result.

        With `posterior` the networks, and whatever else answers for other data, are written beside it, as a pickle in
        `.posterior`.
        """
        tree_files.save(self.tree, Path(path))
        if posterior:
            keep_posterior(self.problem, self.posterior, Path(path))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], model: Model | None = None, posterior: bool = False
    ) -> "CalibrationResult":
        """Reads a saved result; with its model it answers policy questions again.

        With `posterior` also what was written beside it, which is a pickle: only of files that you trust.
        """
        tree = tree_files.load(Path(path))
        report = Report.from_dataset(tree["diagnostics"].to_dataset()) if "diagnostics" in tree.children else Report()
        if not posterior:
            return cls(tree, report, model=model)
        problem, found = kept_posterior(Path(path))
        return cls(tree, report, problem, found, model=model)

    def _repr_html_(self) -> str:
        return html_of(self.tree, self.report, repr(self))


def _at_point(point: PointCalibration, program: Model) -> Any:
    """What the program returns with its networks as they were optimised, in whatever process it runs."""
    with point.restored():
        return program()
