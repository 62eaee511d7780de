"""Model check: which models are in use, what happens to them and when, and what could take their place. Pure.

    uses.py       planned rows, routing tables and names -> Uses
    dates.py      Uses, the catalogue and what a provider announces -> Findings
    proposal.py   Findings -> edits of the manifest

The day, the catalogue and the announced dates come in; nothing here asks anybody.
"""

from imagegen.modelcheck.dates import Announced, Finding, Level, findings, overlaid
from imagegen.modelcheck.uses import Use, Uses, route_names, spec_names

__all__ = ["Announced", "Finding", "Level", "Use", "Uses", "findings", "overlaid", "route_names", "spec_names"]
