"""`imagegen run MANIFEST --dry-run`: what the same command without the flag would do; nothing is asked or created."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagegen.cli import say
from imagegen.cli.plan import close, put_lines, summary


def dry_run(manifest: Path, said: dict[str, Any], output: Path, redo: list[str], reroute: bool, as_json: bool) -> int:
    """Plan as a run would, with the keys that are there, and print; 2 where the run would refuse to begin."""
    from imagegen.errors import Exit
    from imagegen.estimate import Totals
    from imagegen.preview import planning
    from imagegen.selection import Selection, shard_of
    from imagegen.wiring import open_project

    project = open_project(manifest, said["flags"], set_fields=said["set_fields"], allow_retired=said["allow_retired"])
    shard = shard_of(said["shard"]) if said.get("shard") else None
    rows = Selection(frozenset(said["only"]), said["limit"], shard).rows(project.manifest.rows())
    totals, held = Totals(), project.keeper()
    with planning(project, output, rows, reroute=reroute, redo=frozenset(redo)) as planned:
        remarks = put_lines(((each, totals.add(each)) for picture in planned for each in held([picture])), as_json)
    if as_json:
        say.event(summary(project, totals))
    else:
        close(project, totals, remarks)
        say.note("dry run: nothing was asked and nothing was made")
    return Exit.USAGE if totals.refused and not said["skip_refused"] else Exit.OK
