"""One call through the SDK, which builds the request and signs it; its answer is spooled as it comes."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imagegen.domain.outcome import Failed
from imagegen.imports import IMPORTING
from imagegen.providers import Slip
from imagegen.providers.hosted.errors import Denied
from imagegen.providers.hosted.rest import Reply, Rest
from imagegen.providers.hosted.server import Server, one_line

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.genai import Client

    from imagegen.providers.google.tap import Tap

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
#: Regions that are several at once have addresses of another form.
_SEVERAL = ("us", "eu")
_LOGIN = "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"


class Wire:
    """The SDK's client for all threads, opened with the first call. With a `project` it asks Vertex in `location`,
    as `credentials` or those that this machine has by default (the SDK renews them); else the Gemini API."""

    def __init__(
        self, server: Server, project: str = "", location: str = "", credentials: Credentials | None = None
    ) -> None:
        self.server, self._project, self._location = server, project, location
        self._credentials = credentials
        self._rest = Rest(server, {})
        self._lock = threading.Lock()
        self._open: tuple[Client, Tap] | None = None

    def content(self, model: str, contents: Any, config: Mapping[str, Any], slip: Slip) -> Reply:
        """Ask a Gemini model. Raises NotSent, Cut, Denied, and StorageError when the intent cannot be written."""
        # Since no answer ever reaches the SDK it can neither ask on nor call functions; this spares it the preparation.
        alone = {"automatic_function_calling": {"disable": True}}

        def ask(client: Client) -> Any:
            with IMPORTING:
                from google.genai.types import Content, GenerateContentConfig

            # Mappings within mappings would go out as they are, unchecked.
            said = [Content.model_validate(each) for each in contents]
            settings = GenerateContentConfig.model_validate({**config, **alone})
            return client.models.generate_content(model=model, contents=list(said), config=settings)

        return self._asked(ask, slip)

    def predicted(self, model: str, prompt: str, config: Mapping[str, Any], slip: Slip) -> Reply:
        """Ask Imagen; raises as `content`."""

        def ask(client: Client) -> Any:
            with warnings.catch_warnings():  # the method is on its way out, and so are the models
                warnings.simplefilter("ignore")
                return client.models.generate_images(model=model, prompt=prompt, config=dict(config))

        return self._asked(ask, slip)

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        with self._lock:
            opened, self._open = self._open, None
        if opened is not None:
            opened[0].close()
        self._rest.close()

    def _asked(self, ask: Callable[[Client], Any], slip: Slip) -> Reply:
        with IMPORTING:
            from google.auth.exceptions import GoogleAuthError, TransportError

            from imagegen.providers.google.tap import Answered

        try:
            client, tap = self._opened()
            tap.use(slip)
            ask(client)
        except Answered as answered:
            return answered.reply
        except TransportError as error:  # no token came: nothing was asked
            reason = f"could not connect to Google's token server: {self._said(error)}"
            raise Denied(Failed("", reason, retryable=True, because="connection")) from error
        except GoogleAuthError as error:
            reason = f"{self.server.name} has no credentials that are accepted: {self._said(error)}; {_LOGIN}"
            raise Denied(Failed("", reason, stops_provider=True)) from error
        raise AssertionError("the SDK sent nothing")

    def _said(self, error: Exception) -> str:
        return self.server.hide(one_line(str(error.args[0] if error.args else error), 160)).rstrip(".")

    def _opened(self) -> tuple[Client, Tap]:
        with self._lock:
            if self._open is None:
                self._open = self._new()
            return self._open

    def _new(self) -> tuple[Client, Tap]:
        with IMPORTING:
            from google import genai
            from google.genai.types import HttpOptions

            from imagegen.providers.google.tap import Shut, Tap

        for name in ("google", "google_genai"):  # what they log is for engineers, and not for the terminal
            logging.getLogger(name).addHandler(logging.NullHandler())
        tap = Tap(self._rest)
        options = HttpOptions(
            base_url=self.server.base_url,
            httpx_client=tap,
            httpx_async_client=Shut(),
            timeout=max(1, round(self.server.timeouts.first_byte * 1000)),  # milliseconds
        )
        if not self._project:
            return genai.Client(enterprise=False, api_key=self.server.key or "none", http_options=options), tap
        who = self._credentials or _default()
        made = genai.Client(
            enterprise=True, credentials=who, project=self._project, location=self._location, http_options=options
        )
        return made, tap


def vertex_home(location: str) -> str:
    """Vertex's own address for a region."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _SEVERAL:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _default() -> Credentials:
    """Application default credentials. Raises GoogleAuthError where there are none."""
    with IMPORTING:
        # `google.auth.default` would import the others, one after the other, as it looks for an account.
        import google.auth
        import google.auth.compute_engine
        import google.auth.transport.requests
        import google.oauth2.credentials
        import google.oauth2.service_account

    with warnings.catch_warnings():  # a person's own login will do here
        warnings.simplefilter("ignore")
        found, _ = google.auth.default(scopes=[SCOPE])
    return found
