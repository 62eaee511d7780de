"""Course: how a LoRA is trained, everything decided. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imagegen.errors import SettingsError, UsageError
from imagegen.providers.local.lorafile import MOST_RANK
from imagegen.providers.local.weights import Weights

#: Families that are trained -> the catalogue's model whose work is counted.
TRAINED = {"sdxl": "sdxl", "flux": "flux-dev"}

#: Steps for each picture where nobody says how many, and the least and the most of all of them.
STEPS_A_PICTURE, LEAST_STEPS, MOST_STEPS = 50, 1000, 2500
#: Edges of pictures are multiples of this: 8 for the VAE, times 8 for the UNet's levels and the transformer's patches.
GRID = 64
_LARGEST = 2048


@dataclass(frozen=True, slots=True)
class Course:
    """What decides the numbers of a LoRA beside the pictures and the weights. `steps`: changes of the LoRA, each from
    `accumulate` batches of `batch` pictures. `alpha` / `rank` is what the change counts. `learning_rate` is reached
    over the first `warm_up` steps and kept. `size`: the edge of the square that has as many pixels as a picture may.
    `min_snr`: the gamma of Min-SNR weighting, None for none. `dtype`: of the weights under the LoRA."""

    steps: int
    rank: int = 16
    alpha: float = 16.0
    learning_rate: float = 1e-4
    batch: int = 1
    accumulate: int = 1
    size: int = 1024
    seed: int = 0
    min_snr: float | None = None
    warm_up: int = 20
    dtype: str = "fp32"

    def rate(self, step: int) -> float:
        """The learning rate of `step`, which counts from 0."""
        return self.learning_rate * min(1.0, (step + 1) / max(1, self.warm_up))


def usual_steps(pictures: int) -> int:
    """Steps where nobody says how many."""
    return min(MOST_STEPS, max(LEAST_STEPS, STEPS_A_PICTURE * pictures))


def check(course: Course) -> None:
    """Raises UsageError for a course that cannot be gone."""
    for problem, todo in _problems(course):
        raise UsageError(problem, todo)


def _problems(course: Course) -> Iterator[tuple[str, str]]:
    if course.steps < 1:
        yield f"{course.steps} steps are none", "give --steps a whole number from 1"
    if not 1 <= course.rank <= MOST_RANK:
        yield f"rank {course.rank} is not taken", f"give --rank from 1 to {MOST_RANK}"
    if not 0 < course.learning_rate < 1:
        yield f"a learning rate of {course.learning_rate:g} trains nothing", "give --learning-rate above 0, as 1e-4"
    if not 0 < course.alpha < float("inf"):
        yield f"an alpha of {course.alpha:g} changes nothing", "give --alpha above 0, as the rank"
    if course.batch < 1 or course.accumulate < 1:
        yield "a batch has at least one picture", "give --batch and --accumulate from 1"
    if course.size % GRID or not GRID <= course.size <= _LARGEST:
        yield f"size {course.size} is not trained", f"give --size a multiple of {GRID} up to {_LARGEST}"
    if course.min_snr is not None and not 0 < course.min_snr < float("inf"):
        yield f"a Min-SNR of {course.min_snr:g} weighs nothing", "give --min-snr above 0, as 5"


def check_weights(weights: Weights) -> None:
    """Raises SettingsError for weights that no LoRA is trained for here."""
    family, where = weights.family, weights.folder
    if weights.recipe.name == "schnell":
        raise SettingsError(f"{where} is FLUX.1 schnell", "train on FLUX.1 dev; its LoRAs fit schnell too")
    if family.name not in TRAINED:
        raise SettingsError(f"{where} is {family.title}; LoRAs are trained for SDXL and FLUX.1 dev", "name one of them")
    if weights.few_steps:
        what = f"{where} was distilled to few steps ({weights.recipe.name}), which training would undo"
        raise SettingsError(what, "train on the model that it was made from; the LoRA fits both")
    kind = weights.configs["scheduler"].get("prediction_type", "epsilon")
    if family.name == "sdxl" and kind not in ("epsilon", "v_prediction"):
        raise SettingsError(f"{where} predicts {kind!r}", "LoRAs are trained for epsilon and v_prediction")
