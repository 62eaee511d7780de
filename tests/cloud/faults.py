"""What goes wrong, and when: by request number, by a piece of the prompt, or at a rate."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

#: Every fault and what it does. "Charged" ones happen after the request was accepted.
FAULTS = {
    "rate_limit": "429 with Retry-After in seconds",
    "rate_limit_date": "429 with Retry-After as an HTTP date",
    "rate_limit_bare": "429 without Retry-After",
    "slow_down": "429 slow_down",
    "quota": "429 insufficient_quota",
    "bad_key": "401, its message repeats the key",
    "unverified": "403",
    "model_gone": "404 model_not_found",
    "no_route": "404 without JSON",
    "server_error": "500, not charged",
    "server_error_charged": "500, charged",
    "overloaded": "503 server_is_overloaded",
    "moderation": "400 moderation_blocked",
    "moved": "302 to another address",
    "cut_before": "connection reset before anything was accepted",
    "cut_accepted": "charged; connection reset before the answer's first byte",
    "cut_headers": "charged; connection closed after the headers",
    "cut_body": "charged; connection closed in the middle of the body",
    "hang": "charged; no answer ever",
    "slow_body": "charged; the body trickles over `seconds`",
    "wrong_size": "charged; half as wide as asked",
    "truncated": "charged; the picture's second half is missing",
    "blank": "charged; a white picture",
    "html": "charged; a web page in place of JSON",
    "echo": "200 and a web page that repeats the key, not charged",
    "not_a_picture": "charged; base64 of something else",
    "bad_base64": "charged; not base64",
    "empty": "charged; no data",
    "no_usage": "charged; usage is null",
    "fewer": "one picture less than asked, charged for those given",
    "more": "one picture more than asked, charged for those given",
    "filtered": "charged; the picture was made, and the content policy blurs it or keeps it back",
    "job_failed": "a job ends in failure, not charged",
    "job_moderated": "a job ends refused by the content policy, not charged",
    "job_slow": "charged; a job takes `seconds` longer",
    "job_lost": "charged; a job is not known when it is asked for",
    "look_error": "charged; the first two looks are answered 500",
    "look_limit": "charged; the first two looks are answered 429",
    "look_cut": "charged; the connection of the first two looks breaks",
    "link_expired": "charged; the first link has run out, a fresh look gives another",
    "file_gone": "charged; the picture is not at its link",
    "file_error": "charged; the first download is answered 500",
    "file_cut": "charged; the first download breaks off",
    "file_inside": "charged; the link leads to an internal address",
    "garbage": "charged; a vision model answers in words in place of JSON",
    "unwilling": "charged; a vision model will not look",
    "unsafe": "charged; the picture is marked as one that the safety checker objects to",
}


@dataclass(slots=True)
class Rule:
    """One scripted fault. None: whatever. `seconds` is Retry-After or the body's slowness."""

    kind: str
    at: frozenset[int] | None = None
    prompt: str | None = None
    rate: float | None = None
    times: int | None = None
    seconds: float = 1.0


class Faults:
    """The script. The first rule that matches a request wins."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.dice = random.Random(7)

    def add(
        self,
        kind: str,
        *,
        at: int | list[int] | None = None,
        prompt: str | None = None,
        rate: float | None = None,
        times: int | None = None,
        seconds: float = 1.0,
    ) -> None:
        """Let `kind` happen at request numbers `at` (from 1), for prompts that hold `prompt`, for a share
        `rate` of the requests, at most `times` times; without any of these, always."""
        if kind not in FAULTS:
            raise ValueError(f"no such fault: {kind}; there are {', '.join(FAULTS)}")
        numbers = None if at is None else frozenset([at] if isinstance(at, int) else at)
        self.rules.append(Rule(kind, numbers, prompt, rate, times, seconds))

    def script(self, rules: list[dict[str, Any]]) -> None:
        """`add` each, as it came over the wire."""
        for rule in rules:
            self.add(**rule)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.rules.clear()

    def strike(self, number: int, prompt: str) -> Rule | None:
        """The fault of request `number`, used up by one."""
        for rule in self.rules:
            if (
                rule.times != 0
                and (rule.at is None or number in rule.at)
                and (rule.prompt is None or rule.prompt in prompt)
                and (rule.rate is None or self.dice.random() < rule.rate)
            ):
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None
