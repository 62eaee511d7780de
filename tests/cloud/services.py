"""The services that the local server offers beside OpenAI's, one line each."""

from __future__ import annotations

from tests.cloud.bfl import BflService
from tests.cloud.compatible import AzureService, LabService
from tests.cloud.fal import FalService
from tests.cloud.google import VertexService
from tests.cloud.google_batch import GoogleBatchService
from tests.cloud.replicate import ReplicateService
from tests.cloud.service import Service
from tests.cloud.stability import StabilityService
from tests.cloud.together import TogetherService

SERVICES: tuple[type[Service], ...] = (
    GoogleBatchService,
    VertexService,
    ReplicateService,
    BflService,
    FalService,
    TogetherService,
    LabService,
    AzureService,
    StabilityService,
)
