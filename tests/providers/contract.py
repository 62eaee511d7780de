"""What every Provider keeps, whatever it speaks to. A provider is finished when it passes.

`Contract` holds for all; `WireContract` adds what holds for those that buy from a server, here `tests.cloud`.
Subclass and say how the provider is opened and what it is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from imagegen.domain.outcome import Failed, Made, Outcome, Pending, Refused, Unknown
from imagegen.domain.request import Request, key
from imagegen.errors import StorageError
from imagegen.inputs.local import look
from imagegen.providers import Provider, Slip
from tests.cloud import FAULTS, Cloud
from tests.cloud.pictures import picture
from tests.providers.slips import MemorySlip

OUTCOMES = (Made, Refused, Failed, Pending, Unknown)
KEY = "sk-test-0123456789abcdef"


def outcomes(
    provider: Provider,
    batch: Sequence[Request],
    slip: MemorySlip | None = None,
    inputs: Mapping[str, bytes] | None = None,
) -> list[Outcome]:
    """All that came of `batch`; `inputs` are the pictures that it names."""
    return list(provider.generate(batch, inputs or {}, slip or MemorySlip()))


def known(results: Sequence[Outcome]) -> int | None:
    """What was charged in all, None when nobody knows."""
    amounts = [None if isinstance(result, Pending) else result.charge.amount for result in results]
    return None if None in amounts else sum(amount for amount in amounts if amount is not None)


class Supplied:
    """A provider that has the bytes of some input pictures at hand, whatever it is given."""

    def __init__(self, inner: Any, inputs: Mapping[str, bytes]) -> None:
        self.inner, self.inputs, self.close = inner, inputs, inner.close
        self.limits, self.refuses, self.shares = inner.limits, inner.refuses, inner.shares

    def generate(self, batch: Sequence[Request], inputs: Mapping[str, bytes], slip: Slip) -> Iterator[Outcome]:
        return self.inner.generate(batch, {**self.inputs, **inputs}, slip)  # type: ignore[no-any-return]


class Contract:
    """Holds for every provider. `connect` opens it at a server (a provider without one has a fixture of its own);
    `asked` is a request that it makes, `wrong` one that it refuses while planning; None: it refuses nothing. `media` is
    how the media types of what it makes begin."""

    connect: Callable[[Cloud], Any]
    asked: Request
    wrong: Request | None = None
    media = "image/"

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Iterator[Provider]:
        provider = self.connect(cloud)
        yield provider
        provider.close()

    @pytest.fixture
    def request_(self) -> Request:
        return self.asked

    @pytest.fixture
    def refused(self) -> Request | None:
        return self.wrong

    def test_makes_what_it_does_not_refuse(self, provider: Provider, request_: Request) -> None:
        """A request that is not refused is made, under its key, and its price is known."""
        assert provider.refuses(request_) is None
        (made,) = outcomes(provider, [request_])
        assert isinstance(made, Made)
        assert made.key == key(request_)
        assert made.artifact.media_type.startswith(self.media)
        assert made.charge.amount is not None

    def test_a_batch_has_one_outcome_per_request(self, provider: Provider, request_: Request) -> None:
        """As many requests as share a batch come back as as many outcomes, each under its own key."""
        samples = [replace(request_, sample=number) for number in range(provider.limits.max_batch)]
        batch = [each for each in samples if provider.shares(each) == provider.shares(samples[0])]
        made = outcomes(provider, batch)
        assert [result.key for result in made] == [key(each) for each in batch]
        assert all(isinstance(result, Made) for result in made)

    def test_shares_tells_prompts_apart(self, provider: Provider, request_: Request) -> None:
        """Equal requests share a batch; `shares` can stand in a set."""
        assert len({provider.shares(request_), provider.shares(replace(request_))}) == 1

    def test_input_pictures_are_used_or_refused(self, provider: Provider, request_: Request) -> None:
        """A request with an input picture, whose bytes come by their digest, is made under its own key, or refused
        with a sentence while planning and unsent afterwards: never made as if there were no picture."""
        data = picture("input", 64, 48)
        digest = hashlib.sha256(data).hexdigest()
        edit, slip = replace(request_, images=(digest,)), MemorySlip()
        refusal = provider.refuses(edit) or provider.refuses(edit, {digest: look(data)})
        (result,) = outcomes(provider, [edit], slip, {digest: data})
        assert result.key == key(edit) != key(request_)
        if refusal is None:
            (plain,) = outcomes(provider, [request_])
            assert isinstance(result, Made)
            assert isinstance(plain, Made)
            assert result.artifact.data != plain.artifact.data
        else:
            assert isinstance(result, Failed)
            assert (result.charge.amount, slip.calls) == (0, [])

    def test_sends_at_most_once(self, provider: Provider, request_: Request) -> None:
        """One attempt is at most one call on the wire."""
        slip = MemorySlip()
        outcomes(provider, [request_], slip)
        assert slip.calls.count("sending") <= 1

    def test_a_refused_request_is_not_sent(self, provider: Provider, refused: Request | None) -> None:
        """What planning would refuse is refused again, free of charge, before anything is sent."""
        if refused is None:
            assert provider.limits is not None
            return
        slip = MemorySlip()
        assert provider.refuses(refused)
        (result,) = outcomes(provider, [refused], slip)
        assert isinstance(result, Failed)
        assert (result.key, result.charge.amount, result.retryable) == (key(refused), 0, False)
        assert slip.calls == []


class WireContract(Contract):
    """Holds for providers that buy from a server. `closes` are the faults after which a model is asked no more."""

    closes = frozenset({"model_gone"})

    def test_intent_comes_before_the_wire(self, provider: Provider, request_: Request, cloud: Cloud) -> None:
        """`sending` is called once, before the request arrives; then a job's number is kept, and the answer spooled."""
        arrived: list[int] = []
        slip = MemorySlip(at_sending=lambda: arrived.append(len(cloud.requests)))
        outcomes(provider, [request_], slip)
        assert arrived == [0]
        assert [call for call in slip.calls if call != "accepted"] == ["sending", "receive"]
        assert len(cloud.requests) == 1
        assert slip.length in (len(slip.received), None)

    def test_without_intent_nothing_is_sent(self, provider: Provider, request_: Request, cloud: Cloud) -> None:
        """When the intent cannot be written down, the error passes and nothing goes over the wire."""
        with pytest.raises(StorageError):
            outcomes(provider, [request_], MemorySlip(broken=True))
        assert cloud.requests == []

    def test_a_spooled_answer_is_read_not_bought(self, provider: Provider, request_: Request, cloud: Cloud) -> None:
        """An answer that an interrupted process left gives the same picture at the same price, unsent."""
        first = MemorySlip()
        (bought,) = outcomes(provider, [request_], first)
        second = MemorySlip(answer=first.received)
        (read,) = outcomes(provider, [request_], second)
        assert isinstance(bought, Made)
        assert isinstance(read, Made)
        assert (read.artifact.data, read.charge) == (bought.artifact.data, bought.charge)
        assert second.calls == []
        assert len(cloud.requests) == 1

    def test_a_broken_spool_is_no_exception(self, provider: Provider, request_: Request, cloud: Cloud) -> None:
        """Whatever lies in the spool, it becomes an outcome and nothing is bought."""
        for answer in (b"", b"{", b"[]", b"null", b'{"data": 7}', b'{"data": [null]}', b"[" * 100_000):
            (result,) = outcomes(provider, [request_], MemorySlip(answer=answer))
            assert isinstance(result, Failed | Unknown)
            assert result.key == key(request_)
        assert cloud.requests == []

    def test_an_accepted_job_is_not_submitted_again(self, provider: Provider, request_: Request, cloud: Cloud) -> None:
        """A slip with a job id never submits."""
        slip = MemorySlip(remote_id="job-1")
        (result,) = outcomes(provider, [request_], slip)
        assert isinstance(result, OUTCOMES)
        assert "sending" not in slip.calls
        assert [asked for asked in cloud.requests if asked.body] == []

    @pytest.mark.parametrize("fault", FAULTS)
    def test_no_fault_raises(self, provider: Provider, request_: Request, cloud: Cloud, fault: str) -> None:
        """Whatever the server does: one outcome under the right key, one request, and a charge that is either the
        bill's or admitted to be unknown; never retryable once it was paid for."""
        cloud.faults.add(fault, seconds=0.2)
        slip = MemorySlip()
        results = outcomes(provider, [request_], slip)
        assert [result.key for result in results] == [key(request_)]
        assert len(cloud.requests) == 1 == slip.calls.count("sending")
        assert known(results) in (None, cloud.bill)
        if cloud.bill:
            assert not getattr(results[0], "retryable", False)
        assert KEY not in repr(results)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_the_next_request_fares_well(self, provider: Provider, request_: Request, cloud: Cloud, fault: str) -> None:
        """A fault leaves nothing behind that harms another model's or prompt's request, but for a closed model."""
        cloud.faults.add(fault, at=1, seconds=0.1)
        outcomes(provider, [request_])
        (result,) = outcomes(provider, [replace(request_, prompt="another")])
        assert isinstance(result, Failed if fault in self.closes else Made)

    def test_no_server_is_not_charged(self, provider: Provider, request_: Request, cloud: Cloud) -> None:
        """Where nothing listens, the request was not sent: free, and worth another try."""
        cloud.stop()
        (result,) = outcomes(provider, [request_])
        assert isinstance(result, Failed)
        assert (result.retryable, result.because, result.charge.amount) == (True, "connection", 0)

    def test_made_adds_up_to_the_bill(self, provider: Provider, request_: Request, cloud: Cloud) -> None:
        """What the outcomes say was charged is the server's bill, to the nanodollar."""
        results = [
            result
            for number in range(5)
            for result in outcomes(provider, [replace(request_, prompt=f"picture {number} " + "x" * number)])
        ]
        assert known(results) == cloud.bill > 0
        assert len(cloud.charges) == 5
