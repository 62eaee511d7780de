"""Replicate: predictions that are created without waiting, looked for, and fetched within the hour.

schemas.py   what each model takes
rules.py     what is refused while planning
body.py      a Request -> a prediction's input
answer.py    a prediction -> how the job stands and what it cost
errors.py    what error answers mean
files.py     input pictures on their way there
wire.py      the SDK, one request a call
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagegen import prices
from imagegen.domain.given import Given
from imagegen.domain.model import Offer
from imagegen.domain.outcome import Failed, Pending, Unknown
from imagegen.domain.request import Request
from imagegen.inputs import local
from imagegen.picture import BadPicture
from imagegen.providers import Slip
from imagegen.providers.hosted.errors import Denied, failure
from imagegen.providers.hosted.hosted import ModelGone
from imagegen.providers.hosted.remote import Ended, Job, Ready, Running, Taken
from imagegen.providers.hosted.rest import Reply
from imagegen.providers.hosted.server import Server, Timeouts
from imagegen.providers.replicate import answer
from imagegen.providers.replicate.body import headers_of, input_of
from imagegen.providers.replicate.errors import ReplicateManners
from imagegen.providers.replicate.files import Uploads, fitted, painted
from imagegen.providers.replicate.rules import RULES, refusal
from imagegen.providers.replicate.schemas import Schema, name_of, schema_of
from imagegen.providers.replicate.wire import Wire

HOME = "https://api.replicate.com"
#: Seconds to wait where Replicate does not let us look.
LATER = 60.0
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_NO_ID = "replicate took the request and its answer names no prediction: possibly charged"


class Replicate:
    """Replicate's dialect, a RemoteSpeaker. `base_url` None: at home; else with or without the API's version at its
    end."""

    rules = RULES

    def __init__(self, api_key: str, base_url: str | None, timeouts: Timeouts | None = None) -> None:
        # A creation is answered at once: nobody waits minutes for it.
        wait = timeouts or Timeouts(first_byte=60.0, total=300.0)
        address = base_url.rstrip("/").removesuffix("/v1") if base_url else None
        self.server = Server(
            "replicate", api_key, address, wait, home=HOME, variable="REPLICATE_API_TOKEN", looks=r"r8_[A-Za-z0-9]{6,}"
        )
        self._wire, self._manners = Wire(self.server), ReplicateManners()
        self._uploads = Uploads(self._wire, self._manners)

    def refuses(self, request: Request, offer: Offer, given: Mapping[str, Given]) -> str | None:
        """What the model would refuse beyond `rules`."""
        return refusal(request, offer, given)

    def submit(self, request: Request, offer: Offer, inputs: Mapping[str, bytes], slip: Slip) -> Taken:
        """Create the prediction, its pictures uploaded before. Raises NotSent, Cut, Denied."""
        schema = schema_of(offer.api_name)
        assert schema is not None  # `refuses` was asked
        pictures = [inputs[digest] for digest in request.images]
        megapixels = [_megapixels(data) for data in pictures]
        try:
            urls = [self._uploads.url(_sized(data, request, schema)) for data in pictures]
            mask = self._mask(request, inputs)
        except BadPicture as problem:
            raise Denied(Failed("", f"an input picture is no use: {problem.reason}")) from problem
        name = name_of(offer.api_name)
        given = input_of(request, offer, schema, urls, mask)
        reply = self._wire.create(name.model, name.version, given, slip, headers_of(offer))
        if not 200 <= reply.status < 300:
            raise self._denied(reply)
        body = reply.json()
        found = body.get("id") if isinstance(body, Mapping) else None
        if not isinstance(found, str) or not _ID.fullmatch(found):
            raise Denied(Unknown("", _NO_ID))
        return Taken(found, told=answer.told(request, offer, megapixels))

    def look(self, job: Job, request: Request, offer: Offer) -> Running | Ready | Ended:
        """How the prediction stands. Raises NotSent, Cut."""
        if not _ID.fullmatch(job.id):
            return Ended(Unknown("", f"{job.id[:100]!r} is no prediction of replicate's"))
        reply = self._wire.get(job.id)
        if reply.status == 404:
            return Ended(Unknown("", f"replicate knows no prediction {job.id} any more: possibly charged"))
        if reply.status in (401, 402, 403):
            # The picture is there all the same, for somebody with a key that is taken.
            return Ended(Pending("", LATER))
        body = reply.json()
        if not 200 <= reply.status < 300 or not isinstance(body, Mapping):
            return Running(self._manners.wait(reply))
        return answer.read(body, job.told or answer.told(request, offer, ()), offer, self.server.hide)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _mask(self, request: Request, inputs: Mapping[str, bytes]) -> str | None:
        if request.mask is None or not request.width or not request.height:
            return None
        return self._uploads.url(painted(inputs[request.mask], request.width, request.height))

    def _denied(self, reply: Reply) -> Denied:
        outcome = failure(reply, self.server, self._manners)
        return ModelGone(outcome) if self._manners.model_gone(reply) else Denied(outcome)


def _sized(data: bytes, request: Request, schema: Schema) -> bytes:
    """Where the answer has the picture's size, the picture has the size that was asked for."""
    if not schema.fitted or not request.width or not request.height:
        return data
    return fitted(data, request.width, request.height)


def _megapixels(data: bytes) -> float:
    found = local.look(data)
    return found.width * found.height / prices.MEGAPIXEL
