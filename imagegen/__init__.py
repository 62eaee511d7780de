"""imagegen: a file of prompts in, pictures out, each paid for once.

    project = imagegen.load("shop.yaml", provider="placeholder")
    print(imagegen.plan(project))
    for event in imagegen.run(project):
        print(event)

Names are looked up when they are used, so that `import imagegen` is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagegen import errors as errors
    from imagegen.api import (
        Event,
        Group,
        ImageGenerationService,
        Note,
        Plan,
        PlannedRow,
        Project,
        Result,
        Results,
        Run,
        Started,
        Summary,
        Waiting,
        load,
        plan,
        run,
    )
    from imagegen.errors import (
        BudgetStop,
        GuardError,
        ImagegenError,
        LockedError,
        ManifestError,
        NotMade,
        ProviderStop,
        SettingsError,
        StorageError,
        UsageError,
    )

__version__ = "0.1.0"

__all__ = [
    "BudgetStop",
    "Event",
    "Group",
    "GuardError",
    "ImageGenerationService",
    "ImagegenError",
    "LockedError",
    "ManifestError",
    "NotMade",
    "Note",
    "Plan",
    "PlannedRow",
    "Project",
    "ProviderStop",
    "Result",
    "Results",
    "Run",
    "SettingsError",
    "Started",
    "StorageError",
    "Summary",
    "UsageError",
    "Waiting",
    "__version__",
    "errors",
    "load",
    "plan",
    "run",
]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("imagegen.errors")
    if name not in __all__:
        raise AttributeError(f"module 'imagegen' has no attribute {name!r}")
    errors = import_module("imagegen.errors")
    found = getattr(errors, name, None) or getattr(import_module("imagegen.api"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
