"""Step caching at work: which net each step calls, and what is kept from one step for others.

A model asks its Pace before each call of the denoiser. Steps are counted by such calls, from the first that a batch
makes: an image to start from leaves out steps that are not counted, and a scheduler that asks twice a step (Heun)
counts both. Nothing here waits for the device.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from imagegen.providers.local import stepcache

if TYPE_CHECKING:
    from torch import Tensor


class Pace(Protocol):
    """One batch's way through the steps."""

    def next(self) -> tuple[Callable[..., Any], bool]:
        """The net to call for the next step, as the denoiser is called, and whether guidance still counts."""


class Whole:
    """Every step calls the whole net."""

    def __init__(self, net: Any) -> None:
        self._net = net

    def next(self) -> tuple[Callable[..., Any], bool]:
        """The net itself."""
        return self._net, True


class Steps:
    """Step caching for one denoiser at a time. `text`: stepcache's canonical one, "" for none."""

    def __init__(self, text: str = "") -> None:
        self._cache = stepcache.parse(text)
        self._net: Any = None
        self._fitted: Any = None

    def fit(self, net: Any) -> list[Any]:
        """Get `net` ready, before it is compiled. The nets that are to be compiled beside it."""
        if self._cache is None or self._cache.name == "taylorseer":
            return []
        if net is not self._net:
            self._net = net
            self._fitted = Shallow(net) if self._cache.name == "deepcache" else Gates(net)
        return [self._fitted.net] if isinstance(self._fitted, Shallow) else []

    def pace(self, net: Any, twice: bool = False) -> Pace:
        """The Pace of one batch that `net` makes. `twice`: its rows stand there twice, for guidance."""
        if self._cache is None:
            return Whole(net)
        if self._cache.name == "taylorseer":
            return Carried(net, self._cache.number)
        self.fit(net)
        self.forget()
        kind = Deep if isinstance(self._fitted, Shallow) else Gated
        return kind(net, self._cache.number, self._fitted, twice)

    def forget(self) -> None:
        """Free what was kept of the last batch."""
        if self._fitted is not None:
            self._fitted.forget()


class Shallow:
    """The first level of a UNet: `net` is diffusers' own class on the very same modules, without what lies deeper. In
    its place stands what came out of it in the last whole step."""

    def __init__(self, unet: Any) -> None:
        import torch

        self.kept: Any = None
        unet.up_blocks[-1].register_forward_pre_hook(self._keep, with_kwargs=True)
        first = _twin(unet.down_blocks[0])
        first.downsamplers = None
        self.net = _twin(unet)
        self.net.down_blocks = torch.nn.ModuleList([first])
        self.net.mid_block = _recall(self)
        self.net.up_blocks = torch.nn.ModuleList([unet.up_blocks[-1]])

    def forget(self) -> None:
        """Free the tensor."""
        self.kept = None

    def __call__(self, sample: Tensor, time: Tensor, **given: Any) -> Any:
        """As the UNet is called. What a ControlNet adds in the middle is in what was kept."""
        if given.get("mid_block_additional_residual") is not None:
            given["mid_block_additional_residual"] = sample.new_zeros(())
        return self.net(sample, time, **given)

    def _keep(self, block: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        self.kept = given["hidden_states"]


def _recall(shallow: Shallow) -> Any:
    import torch

    class Recall(torch.nn.Module):
        """Stands for all that lies deeper."""

        def forward(self, sample: Tensor, times: Tensor) -> Any:
            return shallow.kept

    return Recall()


def _twin(module: Any) -> Any:
    """`module` again, on the same weights; what it consists of may be changed without changing `module`."""
    twin = copy.copy(module)
    twin.__dict__["_modules"] = dict(module._modules)
    # What was compiled or hooked in belongs to the original.
    twin.__dict__["_compiled_call_impl"] = None
    twin.__dict__.pop("forward", None)
    return twin


class Deep:
    """DeepCache: every `interval`th step is whole."""

    def __init__(self, net: Any, interval: int, shallow: Shallow, twice: bool) -> None:
        self._net, self._interval, self._shallow = net, interval, shallow
        self._step = -1

    def next(self) -> tuple[Callable[..., Any], bool]:
        """The UNet, or its first level."""
        self._step += 1
        return (self._shallow if self._step % self._interval else self._net), True


class Gates:
    """The cross-attentions of a UNet, which keep what they found in one step and repeat it in later ones."""

    def __init__(self, unet: Any) -> None:
        self.each = []
        for block in unet.modules():
            if type(block).__name__ == "BasicTransformerBlock" and block.attn2 is not None:
                self.each.append(Gate(block.attn2.processor))
                block.attn2.processor = self.each[-1]

    def set(self, phase: str) -> None:
        """How the next step goes."""
        for gate in self.each:
            gate.phase = phase

    def forget(self) -> None:
        """Free the tensors."""
        for gate in self.each:
            gate.phase, gate.kept = "look", None


class Gate:
    """Processes one cross-attention. `phase`: "look" at the text, "keep" what is found, "half" keep the mean of both
    halves of the rows, "repeat" what was kept."""

    def __init__(self, inner: Any) -> None:
        self.phase, self._inner = "look", inner
        self.kept: Any = None

    def __call__(
        self, attn: Any, hidden_states: Any, encoder_hidden_states: Any = None, attention_mask: Any = None, **more: Any
    ) -> Any:
        """As diffusers calls an attention processor."""
        if self.phase == "repeat":
            return self.kept
        made = self._inner(attn, hidden_states, encoder_hidden_states, attention_mask, **more)
        if self.phase == "keep":
            self.kept = made
        elif self.phase == "half":
            without, with_prompt = made.chunk(2)
            self.kept = (without + with_prompt) / 2
        return made


class Gated:
    """T-GATE: `last` steps look at the text; after them it is looked at no more, and guidance ends."""

    def __init__(self, net: Any, last: int, gates: Gates, twice: bool) -> None:
        self._net, self._last, self._gates = net, last, gates
        self._keep = "half" if twice else "keep"
        self._step = 0

    def next(self) -> tuple[Callable[..., Any], bool]:
        """The UNet, its gates set."""
        self._step += 1
        phase = "look" if self._step < self._last else self._keep if self._step == self._last else "repeat"
        self._gates.set(phase)
        return self._net, phase != "repeat"


class Carried:
    """TaylorSeer in its light form: steps between whole ones carry the net's output on, along the line through the
    last two whole ones. The steps are those of diffusers' hook: three whole ones first, so that there is a line."""

    _FIRST = 3

    def __init__(self, net: Any, interval: int) -> None:
        self._net, self._interval = net, interval
        self._step = -1
        #: The last whole step's number and output, and the change per step up to it.
        self._at = 0
        self._value: Any = None
        self._slope: Any = None

    def next(self) -> tuple[Callable[..., Any], bool]:
        """The net, or what guesses its output."""
        self._step += 1
        whole = self._step < self._FIRST or (self._step - self._FIRST - 1) % self._interval == 0
        return (self._ask if whole else self._guess), True

    def _ask(self, *args: Any, **given: Any) -> tuple[Any]:
        made = self._net(*args, **given)[0]
        if self._value is not None:
            self._slope = (made - self._value) / (self._step - self._at)
        self._at, self._value = self._step, made
        return (made,)

    def _guess(self, *args: Any, **given: Any) -> tuple[Any]:
        return (self._value + self._slope * (self._step - self._at),)
