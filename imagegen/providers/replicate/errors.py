"""What Replicate's error answers mean: problem details as in RFC 7807, `{type, title, status, detail}`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagegen.providers.hosted.errors import Manners
from imagegen.providers.hosted.rest import Reply
from imagegen.providers.replicate.answer import POLICY

_RESETS = re.compile(r"resets in ~?(\d{1,5}) ?(s|m)", re.IGNORECASE)
_NO_VERSION = re.compile(r"version does not exist|invalid version", re.IGNORECASE)


class ReplicateManners(Manners):
    """A 5xx is not known to be free of charge: the prediction may have been created."""

    def refused(self, reply: Reply) -> bool:
        """A safety check that speaks before any work."""
        return reply.status in (400, 422) and POLICY.search(self.said(reply)) is not None

    def model_gone(self, reply: Reply) -> bool:
        """No such model, or no such version of it."""
        body = reply.json()
        if not isinstance(body, Mapping):
            return False
        titled = f"{body.get('title')} {body.get('detail')}"
        return reply.status == 404 or (reply.status == 422 and _NO_VERSION.search(titled) is not None)

    def wait(self, reply: Reply) -> float | None:
        """The header, else what the sentence says: "Your rate limit resets in ~30s."."""
        asked = super().wait(reply)
        if asked is not None:
            return asked
        found = _RESETS.search(self.said(reply))
        return float(found[1]) * (60 if found[2].lower() == "m" else 1) if found else None
