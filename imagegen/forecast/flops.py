"""FLOP of a picture, counted layer by layer: a multiply-add is two, norms and activations are none.

    FLOP = calls x (2 if guided else 1) x denoiser + VAE + text encoders

Linear layers and convolutions grow with the pixels, attention with their square, so each size is counted anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagegen.forecast.shapes import (
    CLIP_TOKENS,
    LATENT,
    SHAPES,
    T5,
    T5_XXL,
    VAE_CHANNELS,
    VAE_LAYERS,
    Clip,
    Joint,
    Shape,
    Streams,
    UNet,
)

#: Width of the sines and cosines that a transformer's time begins with.
_SINES = 256


@dataclass(frozen=True, slots=True)
class Work:
    """A picture's FLOP: `call` is one of `calls` of the denoiser, both of its rows where it is guided; `rest` is the
    VAE and the text encoders. `unet`: the denoiser is one, no transformer."""

    call: int
    calls: int
    rest: int
    unet: bool

    @property
    def tflop(self) -> float:
        """All of it, in TFLOP."""
        return (self.call * self.calls + self.rest) / 1e12


def work(model: str, width: int, height: int, steps: int, *, guided: bool = True, image: bool = False) -> Work | None:
    """The work of a picture of `model` in `steps` calls of its denoiser. `guided`: guidance is above 1; of no account
    for a model that takes it as a number. `image`: it starts from a picture, which the VAE has to encode. None for a
    model whose architecture is not known here."""
    shape = SHAPES.get(model)
    if shape is None:
        return None
    rows = 2 if guided and shape.doubles else 1
    rest = decode(shape, width, height) + rows * text(shape)
    if image:
        rest += encode(shape, width, height)
    return Work(rows * denoiser(shape, width, height), steps, rest, isinstance(shape.denoiser, UNet))


def denoiser(shape: Shape, width: int, height: int) -> int:
    """One call for one row."""
    rows, columns = height // LATENT, width // LATENT
    kind = shape.denoiser
    if isinstance(kind, UNet):
        return _unet(kind, rows, columns)
    patches = (rows // 2) * (columns // 2)
    if isinstance(kind, Joint):
        return _joint(kind, patches, shape.text_tokens)
    return _streams(kind, patches, shape.text_tokens)


def decode(shape: Shape, width: int, height: int) -> int:
    """Latents to pixels."""
    latents, pixels = shape.denoiser.latents, (width // LATENT) * (height // LATENT)
    widest = VAE_CHANNELS[-1]
    total = _conv(pixels, latents, latents, 1) if shape.quantised else 0
    total += _conv(pixels, latents, widest) + _middle(pixels, widest)
    before = widest
    for level, channels in enumerate(reversed(VAE_CHANNELS)):
        if level:
            pixels *= 4
            total += _conv(pixels, before, before)
        for _ in range(VAE_LAYERS + 1):
            total += _resnet(pixels, before, channels)
            before = channels
    return total + _conv(pixels, before, 3)


def encode(shape: Shape, width: int, height: int) -> int:
    """Pixels to latents."""
    latents, pixels = shape.denoiser.latents, width * height
    before = VAE_CHANNELS[0]
    total = _conv(pixels, 3, before)
    for level, channels in enumerate(VAE_CHANNELS):
        if level:
            pixels //= 4
            total += _conv(pixels, before, before)
        for _ in range(VAE_LAYERS):
            total += _resnet(pixels, before, channels)
            before = channels
    total += _middle(pixels, before) + _conv(pixels, before, 2 * latents)
    return total + (_conv(pixels, 2 * latents, 2 * latents, 1) if shape.quantised else 0)


def text(shape: Shape) -> int:
    """One prompt through every text encoder."""
    total = sum(clip(each) for each in shape.clips)
    return total + (t5(T5_XXL, shape.t5_tokens) if shape.t5_tokens else 0)


def clip(kind: Clip) -> int:
    """One prompt through a CLIP."""
    layer = _attend(CLIP_TOKENS, kind.width) + 2 * _linear(CLIP_TOKENS, kind.width, 4 * kind.width)
    return kind.layers * layer + _linear(1, kind.width, kind.projected)


def t5(kind: T5, tokens: int) -> int:
    """`tokens` through a T5."""
    layer = _attend(tokens, kind.width) + 3 * _linear(tokens, kind.width, kind.inner)
    return kind.layers * layer


def _unet(kind: UNet, rows: int, columns: int) -> int:
    sizes = [(rows, columns)]
    for _ in kind.channels[1:]:
        # A convolution of stride 2 rounds an odd edge up.
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    pixels = [high * wide for high, wide in sizes]
    first = before = kind.channels[0]
    total = _conv(pixels[0], kind.latents, first) + _conv(pixels[0], first, kind.latents)
    total += _linear(1, first, kind.time) + _linear(1, kind.added, kind.time) + 2 * _linear(1, kind.time, kind.time)
    kept = [first]
    last = len(kind.channels) - 1
    for level, channels in enumerate(kind.channels):
        for _ in range(kind.layers):
            total += _resnet(pixels[level], before, channels, kind.time)
            total += _transformer(kind, pixels[level], channels, kind.depths[level])
            before = channels
            kept.append(channels)
        if level < last:
            total += _conv(pixels[level + 1], channels, channels)
            kept.append(channels)
    total += 2 * _resnet(pixels[last], before, before, kind.time)
    total += _transformer(kind, pixels[last], before, kind.depths[last])
    for level in range(last, -1, -1):
        channels = kind.channels[level]
        for _ in range(kind.layers + 1):
            total += _resnet(pixels[level], before + kept.pop(), channels, kind.time)
            total += _transformer(kind, pixels[level], channels, kind.depths[level])
            before = channels
        if level:
            total += _conv(pixels[level - 1], channels, channels)
    return total


def _transformer(kind: UNet, pixels: int, width: int, depth: int) -> int:
    if not depth:
        return 0
    cross = 2 * _linear(pixels, width, width) + 2 * _linear(CLIP_TOKENS, kind.context, width)
    cross += _scores(pixels, CLIP_TOKENS, width)
    gated = _linear(pixels, width, 8 * width) + _linear(pixels, 4 * width, width)
    return 2 * _linear(pixels, width, width) + depth * (_attend(pixels, width) + cross + gated)


def _joint(kind: Joint, patches: int, tokens: int) -> int:
    width, both = kind.width, patches + tokens
    total = _linear(patches, 4 * kind.latents, width) + _linear(tokens, kind.context, width)
    total += _told(width, kind.pooled)
    feed = 2 * _linear(1, width, 4 * width)
    # The last block has no use for the text any more: it makes neither its output nor its feed-forward layer.
    for block in range(kind.blocks):
        ends = block == kind.blocks - 1
        dual = block < kind.dual
        total += _linear(1, width, (9 if dual else 6) * width) + _linear(1, width, (2 if ends else 6) * width)
        total += _scores(both, both, width) + 3 * _linear(both, width, width)
        total += _linear(patches if ends else both, width, width)
        total += (patches if ends else both) * feed
        if dual:
            total += _attend(patches, width)
    return total + _out(kind.latents, width, patches)


def _streams(kind: Streams, patches: int, tokens: int) -> int:
    width, both = kind.width, patches + tokens
    total = _linear(patches, 4 * kind.latents, width) + _linear(tokens, kind.context, width)
    total += _told(width, kind.pooled)
    if kind.embedded:
        total += _linear(1, _SINES, width) + _linear(1, width, width)
    feed = 2 * _linear(both, width, 4 * width)
    total += kind.double * (2 * _linear(1, width, 6 * width) + _attend(both, width) + feed)
    total += kind.single * (_linear(1, width, 3 * width) + _attend(both, width) + feed)
    return total + _out(kind.latents, width, patches)


def _told(width: int, pooled: int) -> int:
    """What a transformer is told of the time and of the prompt as a whole."""
    return _linear(1, _SINES, width) + _linear(1, pooled, width) + 2 * _linear(1, width, width)


def _out(latents: int, width: int, patches: int) -> int:
    return _linear(1, width, 2 * width) + _linear(patches, width, 4 * latents)


def _middle(pixels: int, width: int) -> int:
    return 2 * _resnet(pixels, width, width) + _attend(pixels, width)


def _resnet(pixels: int, before: int, after: int, time: int = 0) -> int:
    shortcut = _conv(pixels, before, after, 1) if before != after else 0
    return _conv(pixels, before, after) + _conv(pixels, after, after) + _linear(1, time, after) + shortcut


def _attend(tokens: int, width: int) -> int:
    """Self-attention with its four linear layers."""
    return 4 * _linear(tokens, width, width) + _scores(tokens, tokens, width)


def _scores(queries: int, keys: int, width: int) -> int:
    return 4 * queries * keys * width


def _linear(tokens: int, before: int, after: int) -> int:
    return 2 * tokens * before * after


def _conv(pixels: int, before: int, after: int, edge: int = 3) -> int:
    return 2 * pixels * edge * edge * before * after
