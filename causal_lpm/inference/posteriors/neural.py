"""An ensemble of sbi's neural posterior estimators, each trained on the same simulations.

The members differ in their first weights and in the simulations that they hold out. Their mixture is wider than any one
of them where simulations are few: that is the honest direction.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from causal_lpm.inference.posteriors.sbi_tools import NoTracker, quiet, unchecked
from causal_lpm.validate import known, positive_count

__all__ = ["Frame", "NeuralPosterior", "Training", "train_npe"]


FLOWS = (
    "made",
    "mdn",
    "maf",
    "maf_rqs",
    "nsf",
    "zuko_maf",
    "zuko_nsf",
    "zuko_ncsf",
    "zuko_gf",
    "zuko_bpf",
    "zuko_nice",
)
"""Density estimators of sbi that can be sampled and evaluated."""


@dataclass(frozen=True)
class Training:
    """How a member is trained; the defaults suit a few hundred to some ten thousand simulations.

    Attributes:
        flow: sbi's name of the density estimator: `"maf"`, `"nsf"`, `"zuko_nsf"`, ... With one parameter `"maf"` is a
            normal density, in the coordinates of the guide; `"nsf"` can be skewed.
        hidden: Width of its networks.
        transforms: Number of its layers.
        learning_rate: Of Adam.
        batch: Simulations in a step, at most a quarter of all.
        epochs: At most.
        patience: Epochs without improvement on the held-out tenth, before it stops.

    Raises:
        ValueError: an unknown flow, or a number out of range.
    """

    flow: str = "maf"
    hidden: int = 40
    transforms: int = 4
    learning_rate: float = 1e-3
    batch: int = 100
    epochs: int = 300
    patience: int = 10

    def __post_init__(self) -> None:
        known("flow", self.flow, FLOWS)
        for what in ("hidden", "transforms", "batch", "epochs", "patience"):
            positive_count(what, getattr(self, what))
        if not self.learning_rate > 0:
            raise ValueError(f"the learning rate is {self.learning_rate}: give a positive number, such as 0.001.")

    def train(self, trainer: Any, simulations: int) -> Any:
        """The density estimator that one of sbi's trainers makes of so many simulations."""
        return trainer.train(
            training_batch_size=max(min(self.batch, simulations // 4), 1),
            learning_rate=self.learning_rate,
            max_num_epochs=self.epochs,
            stop_after_epochs=self.patience,
            show_train_summary=False,
        )


class NeuralPosterior:
    """A mixture of conditional densities of z given features, all with the same weight.

    Args:
        members: sbi's density estimators.
        frame: What z is measured in before it meets a flow, a function of the features; see `Frame`.
    """

    def __init__(self, members: Sequence[Any], frame: "Frame") -> None:
        self.members, self.frame = list(members), frame

    def log_probs(self, z: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Log density of each member, `z` `[s, n, size]` and `features` `[n, f]` -> `[members, s, n]`."""
        u, log_volume = self.frame.enter(z, features)
        with torch.no_grad(), unchecked():
            return torch.stack([m.log_prob(u, condition=features) for m in self.members]) + log_volume

    def log_prob(self, z: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Log density of the mixture, `[s, n]`."""
        return torch.logsumexp(self.log_probs(z, features), 0) - math.log(len(self.members))

    def sample_members(self, each: int, features: torch.Tensor, seed: int) -> torch.Tensor:
        """`each` draws of every member, `[members, each, n, size]`."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]), quiet():
            torch.manual_seed(seed)
            drawn = torch.stack([m.sample((each,), condition=features) for m in self.members])
        return self.frame.leave(drawn, features)

    def sample(self, draws: int, features: torch.Tensor, seed: int) -> torch.Tensor:
        """Draws of the mixture, `[draws, n, size]`, members in turn."""
        count = len(self.members)
        drawn = self.sample_members(-(-draws // count), features, seed)
        return drawn.transpose(0, 1).flatten(0, 1)[:draws]


@dataclass(frozen=True)
class Frame:
    """Coordinates for z that depend on the data set: z = centre(features) + spread(features) * u.

    With guides of SVI a flow need not learn where a posterior lies and how wide it is, only what the guide got wrong.

    Attributes:
        size: Length of z.
        guided: Whether the first `2 size` features are a guide's mean and log standard deviation.
        floor: Smallest spread, in units of the prior's: a guide that is far too sure must not send u to infinity.
    """

    size: int
    guided: bool = False
    floor: float = 0.02

    def _place(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = features[:, : self.size]
        return mean, (features[:, self.size : 2 * self.size].exp() ** 2 + self.floor**2).sqrt()

    def enter(self, z: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """u, and what to add to its log density for that of z, `[n]`."""
        if not self.guided:
            return z, torch.zeros(len(features))
        mean, spread = self._place(features)
        return (z - mean) / spread, -spread.log().sum(-1)

    def leave(self, u: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Back from u to z."""
        if not self.guided:
            return u
        mean, spread = self._place(features)
        return mean + spread * u


def train_npe(
    z: torch.Tensor,
    features: torch.Tensor,
    *,
    frame: Frame | None = None,
    members: int = 4,
    seed: int = 0,
    training: Training | None = None,
    embedding: Callable[[], torch.nn.Module] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NeuralPosterior:
    """Trains `members` estimators of z given features by sbi's NPE.

    Args:
        z: `[n, size]`, draws of the prior, or of the focused prior.
        features: `[n, f]` of the data simulated for each.
        frame: Coordinates of z; z itself, if not given.
        members: Number of estimators.
        seed: Of weights, held-out simulations and order.
        training: How.
        embedding: Makes a network that condenses the features, one a member.
        progress: Called with (members done, all).

    Raises:
        ValueError: fewer than 20 simulations.

    Source: Greenberg, Nonnenmacher and Macke (2019), Automatic posterior transformation, arXiv:1905.07488; ensembles:
    Hermans et al. (2022), arXiv:2110.06581.
    """
    if len(z) < 20:
        raise ValueError(f"{len(z)} simulations cannot train a posterior: give a budget of at least 20.")
    with quiet():
        from sbi.inference import NPE
        from sbi.neural_nets import posterior_nn
    how = training or Training()
    frame = frame or Frame(z.shape[-1])
    u, _ = frame.enter(z, features)
    trained = []
    for member in range(members):
        with torch.random.fork_rng(devices=[]), quiet():
            torch.manual_seed((seed * 1000 + member) % 2**63)
            builder = posterior_nn(
                how.flow,
                embedding_net=embedding() if embedding else torch.nn.Identity(),
                hidden_features=how.hidden,
                num_transforms=how.transforms,
            )
            npe = NPE(density_estimator=builder, show_progress_bars=False, tracker=NoTracker())
            npe.append_simulations(u, features)
            trained.append(how.train(npe, len(z)))
        if progress is not None:
            progress(member + 1, members)
    return NeuralPosterior(trained, frame)
