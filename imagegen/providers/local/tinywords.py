"""Tokenizers of tiny models, made in memory: any text becomes tokens, letter by letter."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: Entries of CLIP's little vocabulary; the last two are its beginning and its end, which models must be told.
CLIP_SIZE = 518
CLIP_START, CLIP_END = 516, 517
T5_SIZE = 256
QWEN_SIZE = 264

_QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<|pad1|>",
    "<|pad2|>",
    "<|pad3|>",
)
#: One turn of a talk, as the model's makers lay it out, its thinking left empty.
_QWEN_TALK = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


def clip() -> Any:
    """A CLIP tokenizer of 518 entries: every byte, every byte at a word's end, and "the"."""
    letters = _letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), "th", "the</w>", "in", "an", "<|startoftext|>"]
    words = [*words[:516], "<|startoftext|>", "<|endoftext|>"]
    merges = [("t", "h"), ("th", "e</w>"), ("i", "n"), ("a", "n")]
    return import_module("transformers").CLIPTokenizer(vocab=_numbered(words), merges=merges, model_max_length=77)


def t5() -> Any:
    """A T5 tokenizer of 256 entries: the printable characters of ASCII and of Latin."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -2.0), ("▁", -2.0)]
    pieces += [(chr(code), -4.0) for code in [*range(33, 127), *range(161, 319)]]
    return import_module("transformers").T5TokenizerFast(vocab=pieces[:T5_SIZE], extra_ids=0, model_max_length=512)


def qwen() -> Any:
    """A Qwen tokenizer of 264 entries: every byte, and the marks of a talk."""
    made = import_module("transformers").Qwen2TokenizerFast(
        vocab=_numbered([*_letters(), *_QWEN_SPECIAL]), merges=[], model_max_length=512
    )
    made.chat_template = _QWEN_TALK
    return made


def _letters() -> list[str]:
    """A printable character for each byte, as byte-level tokenizers have them: bytes that print stand for
    themselves, the others take the places from 256 on."""
    prints = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in prints else chr(next(others)) for byte in range(256)]


def _numbered(words: list[str]) -> dict[str, int]:
    return {word: place for place, word in enumerate(words)}
