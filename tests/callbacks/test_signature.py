"""Signatures, checked by hand and by the reference library; secrets that are none."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from imagegen.callbacks.signature import headers, key_of, new_secret
from imagegen.errors import SettingsError
from imagegen.settings import Secret
from tests.callbacks.receiver import SECRET, Call

BODY = '{"type": "image.made", "data": {"row": "\\u00e4"}}'


@pytest.mark.parametrize("secret", [SECRET, SECRET.rstrip("="), "whsec_" + base64.b64encode(b"x" * 24).decode()])
def test_a_signature_is_what_the_standard_says(secret: str) -> None:
    """Ours, the test's own calculation and the reference library agree; a changed body does not pass."""
    sent = headers(key_of(Secret(secret)), "msg_1", time.time(), BODY)
    padded = secret + "=" * (-len(secret.removeprefix("whsec_")) % 4)
    assert Call("/", sent, BODY.encode()).signed(padded)
    assert not Call("/", sent, BODY.encode() + b" ").signed(padded)
    assert Webhook(secret).verify(BODY, sent)["type"] == "image.made"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, sent | {"webhook-id": "msg_2"})


def test_a_known_signature() -> None:
    """Figures that were worked out with openssl: printf 'msg_1.1700000000.{}' | openssl dgst -sha256 -mac HMAC …"""
    sent = headers(bytes(range(32)), "msg_1", 1_700_000_000.9, "{}")
    assert sent["webhook-timestamp"] == "1700000000"
    assert sent["webhook-signature"] == "v1,fhksJF5ElKjlPoT/jtefCO5XjQPvhf7Dhf/8R1ad9yU="


def test_new_secrets_are_secrets() -> None:
    """32 bytes, never the same."""
    made = {new_secret() for _ in range(20)}
    assert len(made) == 20
    assert {len(key_of(Secret(each))) for each in made} == {32}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g", "does not begin with whsec_"),
        ("whsec_", "holds 0 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "holds 23 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "holds 65 bytes"),
        ("whsec_not/base64!not/base64!not/base64!", "is not base64"),
        ("whsec_ünicode-ünicode-ünicode-ünicode", "is not base64"),
        ("whsec_A", "is not base64"),
    ],
)
def test_what_is_no_secret(text: str, said: str) -> None:
    """One line that says what is wrong and what makes a right one, and never the secret itself."""
    with pytest.raises(SettingsError, match="imagegen webhook secret") as caught:
        key_of(Secret(text))
    assert said in str(caught.value)
    assert text.removeprefix("whsec_")[:12] not in str(caught.value) or text == "whsec_" or len(text) < 10
