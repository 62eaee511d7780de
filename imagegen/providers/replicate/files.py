"""Input pictures on their way to Replicate: fitted to the size asked for, in the request or uploaded before it."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from typing import TYPE_CHECKING

from imagegen.domain.outcome import Failed, Unknown
from imagegen.inputs import local
from imagegen.picture import inspect, pillow
from imagegen.providers.hosted.errors import Denied, Manners, failure, not_sent
from imagegen.providers.hosted.pictures import data_url, media_type
from imagegen.providers.hosted.rest import Cut, NotSent
from imagegen.providers.replicate.wire import Wire

if TYPE_CHECKING:
    from PIL.Image import Image

#: Bytes that go along in the request; Replicate asks to upload larger ones.
INLINE = 256 * 1000
#: Seconds for which an upload is used again, well below the hour that Replicate's example shows, and how many.
FRESH, MOST = 1200.0, 256


class Uploads:
    """Pictures handed in, by digest: a thousand rows may be made from one."""

    def __init__(self, wire: Wire, manners: Manners) -> None:
        self._wire, self._manners = wire, manners
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, float]] = {}

    def url(self, data: bytes) -> str:
        """`data` as an address for an input. Nothing is charged for it. Raises Denied, with what is free of charge."""
        if len(data) <= INLINE:
            return data_url(data)
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            url, until = self._known.get(digest, ("", 0.0))
        if time.monotonic() < until:
            return url
        url = self._uploaded(data, digest)
        with self._lock:
            while len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[digest] = (url, time.monotonic() + FRESH)
        return url

    def _uploaded(self, data: bytes, digest: str) -> str:
        ending = (media_type(data) or "image/png").rpartition("/")[2]
        try:
            reply = self._wire.upload(data, f"{digest[:16]}.{ending}")
        except NotSent as error:
            raise Denied(not_sent(error)) from error
        except Cut as error:
            again = Failed("", f"uploading an input picture: {error.reason}", retryable=True, because="connection")
            raise Denied(again) from error
        if not 200 <= reply.status < 300:
            outcome = failure(reply, self._wire.server, self._manners)
            if isinstance(outcome, Unknown):
                outcome = Failed(
                    "", f"uploading an input picture failed ({reply.status})", retryable=True, because="overload"
                )
            raise Denied(outcome)
        body = reply.json()
        urls = body.get("urls") if isinstance(body, dict) else None
        url = urls.get("get") if isinstance(urls, dict) else None
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise Denied(Failed("", "uploading an input picture: the answer names no address"))
        return url


def fitted(data: bytes, width: int, height: int) -> bytes:
    """The picture at exactly that size, scaled and cut at its middle; as it is where it has it."""
    given = local.look(data)
    picture = inspect(data)
    if (given.width, given.height) == (width, height) == (picture.width, picture.height):
        return data
    image = _cut(picture.image, width, height)
    return _png(image.convert("RGBA" if picture.alpha else "RGB"))


def painted(data: bytes, width: int, height: int) -> bytes:
    """A mask in Replicate's manner: white where `data` is transparent, which is where the edit happens."""
    from PIL import ImageChops

    alpha = inspect(data).image.convert("RGBA").getchannel("A")
    return _png(_cut(ImageChops.invert(alpha), width, height))


def _cut(image: Image, width: int, height: int) -> Image:
    from PIL import ImageOps

    return ImageOps.fit(image, (width, height), pillow().Resampling.LANCZOS)


def _png(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
