"""Signing webhooks as Standard Webhooks says: HMAC-SHA256 of id, timestamp and body, with a shared secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from imagegen.errors import SettingsError
from imagegen.settings import WEBHOOK_SECRET, Secret

PREFIX = "whsec_"
#: How long a secret may be, in bytes before base64; and how long those are that we make.
LEAST, MOST, OURS = 24, 64, 32

MAKE_ONE = "`imagegen webhook secret` makes one"


def new_secret() -> str:
    """A secret nobody has."""
    return PREFIX + base64.b64encode(secrets.token_bytes(OURS)).decode("ascii")


def key_of(secret: Secret) -> bytes:
    """The key that `secret` holds. Raises SettingsError, which does not show it."""
    text = secret.reveal()
    if not text.startswith(PREFIX):
        raise SettingsError(f"{WEBHOOK_SECRET} does not begin with {PREFIX}", MAKE_ONE)
    bare = text.removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(f"{WEBHOOK_SECRET} is not base64 after {PREFIX}", MAKE_ONE) from None
    if not LEAST <= len(key) <= MOST:
        raise SettingsError(
            f"{WEBHOOK_SECRET} holds {len(key)} bytes; a webhook secret has {LEAST} to {MOST}", MAKE_ONE
        )
    return key


def headers(key: bytes, message: str, clock: float, body: str) -> dict[str, str]:
    """What is sent with `body`: the id `message`, stable over all tries, the time of this one (`clock`, in seconds),
    and the signature of all three."""
    timestamp = str(int(clock))
    signed = hmac.new(key, f"{message}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(signed).decode("ascii"),
    }
