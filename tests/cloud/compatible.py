"""Servers of people's own that speak OpenAI's images dialect in their own ways, and an Azure resource.

/lab/v1      asks for no key, knows diffusion fields, answers base64 when asked for it and a link otherwise
/azure       api-key header, api-version in the query, the deployment in the path
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from tests.cloud.faults import Rule
from tests.cloud.http import Answer
from tests.cloud.multipart import parts
from tests.cloud.service import Flaw, Service

#: Nanodollars that the owner of the machine reckons a picture at.
PRICE = 1_000_000
FIELDS: dict[str, type | tuple[type, ...]] = {
    "model": str,
    "prompt": str,
    "n": int,
    "size": str,
    "response_format": str,
    "seed": int,
    "num_inference_steps": int,
    "guidance_scale": (int, float),
    "negative_prompt": str,
    "mode": int,
}


class LabService(Service):
    """Paths as LocalAI has them; a key is taken and not asked for. A model called "free" costs nothing."""

    name = "lab"
    refusals = Service.refusals | {"model_gone": Flaw(404, "model_not_found", "The model does not exist.")}
    fields = FIELDS

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        if method == "GET" and path.startswith("/files/"):
            return self._file(path)
        if (method, path) == ("GET", "/v1/models"):
            return Answer(200, b'{"object": "list", "data": [{"id": "sd-turbo"}]}')
        if method != "POST" or path not in ("/v1/images/generations", "/v1/images/edits"):
            return None
        body = _read(headers.get("content-type", ""), raw)
        return self.paid(path, headers, body, str(body.get("prompt", "")))

    def key(self, headers: Mapping[str, str]) -> str:
        """Whatever comes is good enough."""
        return super().key(headers) or "none"

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        edit = path.endswith("edits")
        for name, value in body.items():
            if edit and name in ("image", "mask"):
                continue
            if name not in self.fields:
                return Flaw(400, "unknown_parameter", f"Unknown parameter {name}.")
            if not edit and (not isinstance(value, self.fields[name]) or isinstance(value, bool)):
                return Flaw(400, "invalid_type", f"{name} has the wrong type.")
        if body.get("model") not in ("sd-turbo", "free"):
            return Flaw(404, "model_not_found", "No such model.")
        return None if body.get("prompt") and "size" in body else Flaw(400, "missing", "prompt or size is missing.")

    def error(self, flaw: Flaw) -> Answer:
        """A refusal as OpenAI writes it."""
        body = {"message": flaw.message, "type": "invalid_request_error", "param": None, "code": flaw.code}
        return Answer(flaw.status, json.dumps({"error": body}).encode())

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        width, height = (int(edge) for edge in body["size"].split("x"))
        if body["model"] != "free":
            self.charge(number, body["prompt"], body["model"], body["size"], PRICE)
        kind = fault.kind if fault else ""
        look = json.dumps({**body, "n": 1}, sort_keys=True)
        data = self.drawn(look, width, height, "png", kind)
        item: dict[str, Any] = {"index": 0, "embedding": None}
        if body.get("response_format") == "b64_json":
            item["b64_json"] = ("%%" if kind == "bad_base64" else "") + base64.b64encode(data).decode()
        else:
            item["url"] = self.link(number, data, kind)
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        said = {"created": 1, "id": "x", "data": [] if kind == "empty" else [item], "usage": usage}
        return self.sent(json.dumps(said).encode(), fault)

    def link(self, number: int, data: bytes, kind: str) -> str:
        """Where the picture lies."""
        if kind == "file_inside":
            return "http://169.254.169.254/latest/meta-data"
        self.files = getattr(self, "files", {}) | {str(number): (data, kind)}
        return f"{self.desk.base}/{self.name}/files/{number}"

    def _file(self, path: str) -> Answer:
        number = path.rpartition("/")[2]
        data, kind = self.files[number]
        if kind == "file_gone":
            return Answer(404, b"gone", media_type="text/plain")
        if kind == "file_error":
            self.files[number] = (data, "")
            return Answer(500, b"", media_type="text/plain")
        return Answer(200, data, media_type="image/png")


class AzureService(LabService):
    """One deployment, called `pictures`."""

    name = "azure"
    fields = {name: FIELDS[name] for name in ("model", "prompt", "n", "size")} | {"quality": str, "output_format": str}

    def handle(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer | None:
        where, _, query = path.partition("?")
        if method != "POST" or not where.startswith("/openai/deployments/"):
            return None
        deployment, _, rest = where.removeprefix("/openai/deployments/").partition("/")
        if parse_qs(query).get("api-version") != ["2025-04-01-preview"]:
            return self.error(Flaw(404, "404", "Resource not found"))
        if deployment != "pictures":
            return self.error(Flaw(404, "DeploymentNotFound", "The API deployment for this resource does not exist."))
        body = _read(headers.get("content-type", ""), raw)
        return self.paid(f"/{rest}", headers, body, str(body.get("prompt", "")))

    def key(self, headers: Mapping[str, str]) -> str:
        """Azure's own header."""
        return headers.get("api-key", "")

    def flaw(self, path: str, body: dict[str, Any]) -> Flaw | None:
        return super().flaw(path, {**body, "model": "sd-turbo"})

    def accept(self, number: int, path: str, body: dict[str, Any], fault: Rule | None) -> Answer:
        return super().accept(number, path, {**body, "response_format": "b64_json"}, fault)


def _read(media_type: str, raw: bytes) -> dict[str, Any]:
    """The fields of a JSON or a multipart body; of pictures their bytes' number."""
    if not media_type.startswith("multipart/"):
        body = json.loads(raw)
        return body if isinstance(body, dict) else {}
    found: dict[str, Any] = {}
    for part in parts(media_type, raw) or []:
        found[part.name] = hashlib.sha256(part.data).hexdigest() if part.file else part.data.decode()
    return found
