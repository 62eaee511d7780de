"""The Python API: `load`, `plan` and `run`, and what they give back. `imagegen` itself re-exports all of it.

Nothing here prints, listens to signals or changes the interpreter: that is the command line's affair.
"""

from imagegen.api.events import Event, Note, Started, Waiting
from imagegen.api.plans import Group, Plan, PlannedRow, plan
from imagegen.api.projects import Project, load
from imagegen.api.results import Result, Results
from imagegen.api.runs import Run, run
from imagegen.api.service import ImageGenerationService
from imagegen.api.summaries import Summary

__all__ = [
    "Event",
    "Group",
    "ImageGenerationService",
    "Note",
    "Plan",
    "PlannedRow",
    "Project",
    "Result",
    "Results",
    "Run",
    "Started",
    "Summary",
    "Waiting",
    "load",
    "plan",
    "run",
]
