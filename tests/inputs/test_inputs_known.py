"""What is known of input pictures: a cache that may be lost, and that only a run writes."""

from __future__ import annotations

import stat
from pathlib import Path

from imagegen.inputs.known import Known


def test_only_what_is_writable_is_kept(tmp_path: Path) -> None:
    """A plan remembers while it lasts and leaves no file; a run's facts are there the next time."""
    folder = tmp_path / "home" / "inputs"
    planning = Known(folder)
    planning.put("a", {"digest": "1"})
    assert planning.get("a") == {"digest": "1"}
    planning.commit()
    assert not folder.exists()
    running = Known(folder)
    running.writable()
    running.put("a", {"digest": "2"})
    running.commit()
    running.close()
    assert [Known(folder).get(name) for name in ("a", "b")] == [{"digest": "2"}, None]


def test_it_is_private(tmp_path: Path) -> None:
    """The folder is 0700 and the file 0600: URLs may hold keys."""
    known = Known(tmp_path / "inputs")
    known.writable()
    known.put("https://a/?key=b", {"digest": "2"})
    known.commit()
    known.close()
    assert stat.S_IMODE((tmp_path / "inputs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "inputs" / "index.db").stat().st_mode) == 0o600


def test_a_damaged_index_is_forgotten(tmp_path: Path) -> None:
    """Who reads finds nothing in it, who writes begins a new one."""
    (tmp_path / "index.db").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    assert Known(tmp_path).get("a") is None
    running = Known(tmp_path)
    running.writable()
    running.put("a", {"digest": "2"})
    running.commit()
    running.close()
    assert Known(tmp_path).get("a") == {"digest": "2"}
