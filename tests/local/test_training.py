"""Training a LoRA, end to end on tiny weights: it learns, it is worn, and it goes on after any accident."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from filelock import FileLock

from imagegen.errors import LockedError, NotMade, SettingsError, UsageError
from imagegen.providers.local import header, lorafile
from imagegen.providers.local.training import checkpoints
from imagegen.providers.local.training.course import Course
from imagegen.providers.local.training.job import Job
from imagegen.providers.local.training.loop import Training
from imagegen.providers.local.training.sheet import Wanted
from tests.local.albums import COURSE, WORD, Heard, folder, job, trained
from tests.local.engines import PIECE, THEIRS, apart, arrays

if TYPE_CHECKING:
    from tests.local.engines import Workshop

pytestmark = THEIRS
MODELS = ["sdxl", "flux"]
SHEET = Wanted((f"{WORD} mug", "a cup", "a jug"), 64, 2, 5.0, 0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures, two of them upright."""
    made = folder(tmp_path_factory.mktemp("album") / "brand", 4)
    for path in folder(made / "more", 2, 40, 160).iterdir():
        path.rename(made / f"tall-{path.name}")
    (made / "more").rmdir()
    return made


@pytest.fixture(scope="module")
def finished(workshop: Workshop, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """By model: an undisturbed training of eight steps in two sizes, and what was heard of it."""
    made: dict[str, tuple[Job, Heard]] = {}

    def of(name: str) -> tuple[Job, Heard]:
        if name not in made:
            output = tmp_path_factory.mktemp(name) / "brand.safetensors"
            wanted = job(workshop.weights(name), pictures, output, size=128, checkpoint_every=3)
            heard = Heard()
            done = trained(replace(wanted, wanted=SHEET, sample_every=4), heard)
            assert (done.step, done.file) == (8, output)
            made[name] = wanted, heard
        return made[name]

    return of


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_of_a_fixed_look_falls(finished: Callable[[str], Any], name: str) -> None:
    """Measured before the first step and at each checkpoint, always with the same noise."""
    _, heard = finished(name)
    steps = [event[1] for event in heard.events if event[0] == "looked"]
    losses = [event[2] for event in heard.events if event[0] == "looked"]
    assert steps == [0, 3, 6, 8]
    assert losses[-1] < losses[0] * 0.995
    rates = [event[3] for event in heard.events if event[0] == "step"]
    assert rates == [0.005, *[0.01] * 7]


@pytest.mark.parametrize("name", MODELS)
def test_the_engine_wears_it(workshop: Workshop, finished: Callable[[str], Any], name: str) -> None:
    """It fits its model and no other, changes pictures, and is taken off without a trace."""
    wanted, _ = finished(name)
    weights = workshop.weights(name)
    lora = lorafile.read(wanted.output)
    assert (lora.format, lora.rank, lora.encoders) == ("peft", 4, False)
    assert lorafile.refuses(lora, weights) is None
    other = workshop.weights({"sdxl": "flux", "flux": "sdxl"}[name])
    assert "not for" in (lorafile.refuses(lora, other) or "")
    engine = workshop.fresh(name)
    bare = arrays(engine.make([PIECE]))[0]
    worn = arrays(engine.make([replace(PIECE, loras=((str(wanted.output), 1.0),))]))[0]
    assert apart(worn, bare) > 3
    assert np.array_equal(arrays(engine.make([PIECE]))[0], bare)


@pytest.mark.parametrize(("name", "pipeline"), [("sdxl", "StableDiffusionXLPipeline"), ("flux", "FluxPipeline")])
def test_diffusers_reads_it_the_same(
    workshop: Workshop, finished: Callable[[str], Any], name: str, pipeline: str
) -> None:
    """Its own pipeline with the file paints what the engine paints, alpha included."""
    import torch

    wanted, _ = finished(name)
    piece = replace(PIECE, guidance=1.0, loras=((str(wanted.output), 1.0),))
    ours = arrays(workshop.fresh(name).make([piece]))[0]
    pipe = workshop.pipeline(name, pipeline)
    pipe.load_lora_weights(wanted.output)
    try:
        theirs = pipe(
            piece.prompt, width=64, height=64, num_inference_steps=4, guidance_scale=1.0,
            generator=[torch.Generator("cpu").manual_seed(piece.seed)], output_type="np",
        ).images[0]  # fmt: skip
    finally:
        pipe.unload_lora_weights()
    assert apart(ours, (theirs * 255).round().astype(np.uint8)) <= 1


def test_the_file_says_what_it_is(workshop: Workshop, finished: Callable[[str], Any]) -> None:
    wanted, _ = finished("sdxl")
    said = json.loads(header.read(wanted.output).metadata["imagegen"])
    weights = workshop.weights()
    assert (said["base"], said["base_digest"], said["family"]) == ("sdxl", weights.digest, "sdxl")
    assert (said["rank"], said["alpha"], said["steps"], said["trigger"]) == (4, 8.0, 8, WORD)
    assert (said["pictures"], said["pictures_digest"]) == (6, wanted.album.digest)
    assert set(said["versions"]) == {"imagegen", "peft", "torch", "diffusers", "transformers"}


def test_sheets_on_the_way(finished: Callable[[str], Any]) -> None:
    """Two by two for three prompts, after steps 4 and 8, different as the LoRA is; nothing else is left behind."""
    from PIL import Image

    wanted, heard = finished("sdxl")
    assert heard.of("shown") == [4, 8]
    first, last = (wanted.folder / "samples" / f"step-00000{step}.png" for step in (4, 8))
    with Image.open(first) as one, Image.open(last) as other:
        assert one.size == other.size == (2 * 64 + 8, 2 * 64 + 8)
        assert apart(np.asarray(one), np.asarray(other)) > 0
    assert sorted(path.name for path in wanted.folder.iterdir()) == [".lock", "checkpoints", "samples"]


def test_checkpoints_are_no_pickles_and_old_ones_are_thin(finished: Callable[[str], Any]) -> None:
    wanted, _ = finished("sdxl")
    kept = {
        path.name: sorted(file.name for file in path.iterdir()) for path in (wanted.folder / "checkpoints").iterdir()
    }
    whole = ["lora.safetensors", "optimizer.safetensors", "state.json"]
    assert kept == {"step-000003": whole[:1], "step-000006": whole, "step-000008": whole}


@pytest.mark.parametrize("name", MODELS)
def test_resumed_is_as_undisturbed(
    workshop: Workshop, pictures: Path, finished: Callable[[str], Any], tmp_path: Path, name: str
) -> None:
    """Stopped after step 2, broken off in step 5 with a checkpoint after 3, and gone on with: the same bytes."""
    wanted, _ = finished(name)
    again = job(workshop.weights(name), pictures, tmp_path / "brand.safetensors", size=128, checkpoint_every=3)
    assert trained(again, stop_after=2).file is None
    assert [path.name for path in (again.folder / "checkpoints").iterdir()] == ["step-000002"]

    def killed(step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(replace(again, resume=True), Heard(killed))
    assert not again.output.exists()
    heard = Heard()
    done = trained(replace(again, resume=True), heard)
    assert heard.of("note") == ["going on from step 3"]
    assert heard.of("step") == [4, 5, 6, 7, 8]
    assert done.file is not None
    assert done.file.read_bytes() == wanted.output.read_bytes()


def test_more_steps_later(workshop: Workshop, pictures: Path, finished: Callable[[str], Any], tmp_path: Path) -> None:
    """What was finished goes on with more steps, and what has nothing left to do does nothing."""
    wanted, _ = finished("flux")
    short = job(workshop.weights("flux"), pictures, tmp_path / "b.safetensors", size=128, steps=5)
    trained(short)
    before = short.output.read_bytes()
    heard = Heard()
    trained(replace(short, resume=True), heard)
    assert (heard.of("step"), short.output.read_bytes()) == ([], before)
    trained(replace(short, resume=True, course=replace(short.course, steps=8)))
    assert short.output.read_bytes() == wanted.output.read_bytes()
    with pytest.raises(UsageError, match="is beyond step 5; give --steps more"):
        trained(replace(short, resume=True))


def test_nothing_is_overwritten_or_mixed(workshop: Workshop, pictures: Path, tmp_path: Path) -> None:
    """A training that is there, a file that is there, other settings, a damaged checkpoint, somebody else at work."""
    wanted = job(workshop.weights("flux"), pictures, tmp_path / "b.safetensors", steps=1)
    trained(wanted)
    with pytest.raises(UsageError, match="holds a training up to step 1; add --resume"):
        trained(wanted)
    with pytest.raises(UsageError, match=r"another rank \(4 there, 2 now\); give the same"):
        trained(job(wanted.weights, pictures, wanted.output, rank=2, resume=True))
    with FileLock(wanted.folder / ".lock"), pytest.raises(LockedError, match="another training writes into"):
        trained(replace(wanted, resume=True))
    optimizer = wanted.folder / "checkpoints" / "step-000001" / "optimizer.safetensors"
    optimizer.write_bytes(optimizer.read_bytes()[:99])
    with pytest.raises(SettingsError, match="step-000001 is damaged; remove it to go on from the one before"):
        trained(replace(wanted, resume=True, course=replace(wanted.course, steps=2)))
    taken = tmp_path / "mine.safetensors"
    taken.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"mine\.safetensors is there already; name another --output"):
        trained(replace(wanted, output=taken))
    assert taken.read_bytes() == b"mine"


def test_numbers_that_overflow_stop_it(workshop: Workshop, pictures: Path, tmp_path: Path) -> None:
    """In one sentence with what to change; nothing broken is written."""
    wanted = job(workshop.weights("flux"), pictures, tmp_path / "b.safetensors", alpha=1e38, learning_rate=0.9)
    with pytest.raises(
        NotMade, match=r"stopped at step \d: the loss is no number any more; lower --learning-rate \(it"
    ):
        trained(wanted)
    assert not wanted.output.exists()
    assert checkpoints.newest(wanted.folder / "checkpoints") is None


def test_memory_that_does_not_suffice(workshop: Workshop, pictures: Path, tmp_path: Path) -> None:
    """Wherever it comes from, one sentence."""
    import torch

    def full(step: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    wanted = job(workshop.weights("flux"), pictures, tmp_path / "b.safetensors")
    with pytest.raises(NotMade, match="cpu has too little memory for this training; take --batch 1"):
        trained(wanted, Heard(full))


def test_a_training_holds_what_it_needs(workshop: Workshop, pictures: Path) -> None:
    """The LoRA is float32 over bfloat16 weights, the VAE and the encoders are gone; a stop is heard while encoding."""
    import torch

    course = replace(COURSE, dtype="bf16")
    shots = job(workshop.weights("sdxl"), pictures, Path("x")).album.shots
    training = Training(workshop.weights("sdxl"), shots, course, "cpu", lambda: False)
    assert not any(training.parts.loaded(name) for name in ("vae", "text_encoder", "text_encoder_2", "tokenizer"))
    assert {value.dtype for value in training.parameters.values()} == {torch.float32}
    assert training.denoiser.dtype == torch.bfloat16
    before = training.look()
    training.step(0)
    training.step(1)
    assert training.look() < before
    assert not Training(workshop.weights("flux"), shots, COURSE, "cpu", lambda: True).ready


def test_accumulated_batches_make_one_step(workshop: Workshop, pictures: Path) -> None:
    """Two batches of three for a step see each of the six pictures once, and other ones in the next."""
    shots = job(workshop.weights("flux"), pictures, Path("x")).album.shots
    course: Course = replace(COURSE, batch=3, accumulate=2)
    training = Training(workshop.weights("flux"), shots, course, "cpu", lambda: False)
    losses = [training.step(0), training.step(1)]
    assert losses[0] != losses[1]
    assert {int(state) for name, state in training.state().items() if name.startswith("step:")} == {2}


def test_chance_is_new_each_step_and_follows_from_the_seed(workshop: Workshop, pictures: Path) -> None:
    """The same picture in every place, and nearly no learning: only the noise makes the losses differ."""
    shots = job(workshop.weights("flux"), pictures, Path("x")).album.shots[:1] * 6

    def losses(seed: int) -> list[float]:
        course = replace(COURSE, batch=6, seed=seed, learning_rate=1e-12)
        training = Training(workshop.weights("flux"), shots, course, "cpu", lambda: False)
        return [training.step(step) for step in range(2)]

    assert losses(1) == losses(1)
    assert len({round(loss, 4) for seed in (1, 2) for loss in losses(seed)}) == 4


def test_what_is_worn_is_what_was_trained(workshop: Workshop, pictures: Path, tmp_path: Path) -> None:
    """The change that the engine adds to a weight is the one that training reckoned with, alpha included."""
    import torch

    shots = job(workshop.weights("flux"), pictures, Path("x")).album.shots
    training = Training(workshop.weights("flux"), shots, COURSE, "cpu", lambda: False)
    training.step(0)
    (tmp_path / "b.safetensors").write_bytes(training.file({}))
    engine, module = workshop.fresh("flux"), "transformer_blocks.0.attn.to_q"
    engine.make([replace(PIECE, loras=((str(tmp_path / "b.safetensors"), 1.0),))])
    worn = engine.parts.get("transformer").get_parameter(f"{module}.weight")
    layer = training.denoiser.get_submodule(module)
    change = layer.get_delta_weight("default")
    assert change.abs().max() > 1e-3
    assert torch.allclose(worn - layer.base_layer.weight, change, atol=1e-6)
