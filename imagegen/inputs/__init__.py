"""Input pictures: what a row calls by path or URL becomes the SHA-256 of what is in it.

`Sources.resolve` finds them for a plan and sends nothing; `Sources.fetched` is what a run does first: it fetches every
URL that is not known yet into `inputs/` of the home, before any money is set aside. Pictures are decoded when they
are fetched, and not while planning.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from threading import Event

from imagegen.domain.given import Given
from imagegen.domain.inputs import AUTO, Inputs, has_inputs, images_of, mask_of
from imagegen.domain.row import Place, Placed, Row
from imagegen.errors import ManifestError
from imagegen.inputs import local
from imagegen.inputs.known import Known
from imagegen.inputs.local import BadInput, Stamp, gather
from imagegen.inputs.masks import Masks
from imagegen.inputs.web import Fetched, Fetcher, NotFetched, shown

__all__ = ["BadInput", "Sources", "gather"]

#: Rows whose pictures are fetched together, and how many at once.
CHUNK, HANDS = 100, 8
#: Files whose digests are remembered while a command lasts.
MEMO = 20_000
#: Pictures that could not be fetched and are told one by one; the results have them all.
TOLD = 10
#: A file younger than so many seconds may change again without its times telling.
YOUNG = 2.0

_URL = re.compile(r"https?://", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)(?:://|:(?=image/|,))", re.IGNORECASE)


class Sources:
    """Where the input pictures of one manifest are: paths are relative to `folder`, what was fetched lies in `inputs`
    of `home`. `hosts` may be asked though they are internal. One thread uses it."""

    def __init__(self, folder: Path, home: Path, hosts: frozenset[str] = frozenset()) -> None:
        self._given = folder, home, hosts
        self._folder, self._kept = folder, home / "inputs"
        self._hosts, self._known = hosts, Known(home / "inputs")
        self._masks = Masks(self._kept, self._known)
        self._memo: dict[str, tuple[Stamp, str]] = {}
        self._looks: dict[str, Given] = {}
        self._asked: dict[str, str] = {}
        self._running = False

    def another(self) -> Sources:
        """The same for another thread."""
        return Sources(*self._given)

    def resolve(self, row: Row, place: Place) -> Inputs:
        """The input pictures of `row`. Raises ManifestError at `place` for a file that is missing or no picture."""
        files: dict[str, str] = {}
        given: dict[str, Given] = {}
        troubles: list[str] = []

        def found(field: str, name: str | None) -> str | None:
            if name is None:
                return None
            try:
                if field == "mask" and name == AUTO:
                    name = f"{AUTO}:{images[0]}"
                    digest, path = self._masks.found(images[0] if images else None)
                else:
                    digest, path = self._found(name)
                if digest is not None:
                    given[digest] = self._look(digest, path)
            except BadInput as problem:
                raise ManifestError(*place, f"{field}: {_short(name)} {problem.what}", problem.todo) from None
            if digest is None:
                troubles.append(self._asked.get(name) or ("an input picture was not fetched" if self._running else ""))
                return name
            files[digest] = path
            return digest

        images = tuple(found("image", name) or "" for name in images_of(row))
        mask, control = found("mask", mask_of(row)), found("control", row.control)
        trouble = next((each for each in troubles if each), "")
        return Inputs(images, mask, control, tuple(files.items()), bool(troubles), trouble, given)

    def fetched(
        self,
        rows: Iterable[Placed],
        *,
        wanted: Callable[[Row], bool] = lambda row: True,
        doomed: Callable[[Row], bool] = lambda row: False,
        refetch: bool = False,
        heed: Callable[[], None] = lambda: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> Iterator[Placed]:
        """`rows`, each when its pictures are here or it is known why not: then its Inputs have a `trouble`. Nothing is
        fetched for rows that are not `wanted`, or `doomed` all the same (asked only where something is to be fetched).
        With `refetch` known URLs are asked whether they changed. `heed` is called now and then and may raise."""
        rows, self._asked, self._running = iter(rows), {}, True
        writable = False
        try:
            while chunk := list(islice(rows, CHUNK)):
                if not writable and any(has_inputs(placed.row) for placed in chunk):
                    self._known.writable()
                    writable = True
                urls = self._unfetched([placed.row for placed in chunk if wanted(placed.row)], refetch, doomed)
                if urls:
                    self._fetch(urls, heed, note)
                for row in (placed.row for placed in chunk if mask_of(placed.row) == AUTO):
                    if wanted(row) and not doomed(row):
                        self._make_mask(row, note)
                        heed()
                yield from chunk
                self._known.commit()
        finally:
            self._known.commit()
            self._known.close()

    def _make_mask(self, row: Row, note: Callable[[str], None]) -> None:
        """The mask of a row that leaves it to us, unless its picture cannot be had."""
        with suppress(BadInput):  # told where the row is planned
            digest, path = self._found(images_of(row)[0])
            if digest is not None and (why := self._masks.make(digest, path)):
                told = f"{AUTO}:{digest}"
                if told not in self._asked:
                    self._asked[told] = f"no mask can be made of {_short(images_of(row)[0])}: {why}"
                    note(self._asked[told])

    def _found(self, name: str) -> tuple[str | None, str]:
        """Digest and path of what a row calls `name`; None for what was never fetched. Raises BadInput."""
        if _URL.match(name):
            facts = self._facts(name)
            return (str(facts["digest"]), str(self._kept / facts["digest"])) if facts else (None, "")
        scheme = _SCHEME.match(name)
        if scheme and scheme[1].lower() not in ("http", "https"):
            raise BadInput(
                f"is not read: {scheme[1].lower()} is not known here", "name a file, or a URL with http or https"
            )
        path = str(self._folder.absolute() / name)
        return self._digest(path), path

    def _digest(self, path: str) -> str:
        """The digest of a file, which is read again only when it changed. Raises BadInput."""
        state = local.seen(path)
        if path in self._memo and self._memo[path][0] == state:
            return self._memo[path][1]
        facts = self._known.get(f"file:{path}")
        if facts and facts.get("stamp") == list(state):
            digest = str(facts["digest"])
        else:
            data, state = local.read(path)
            digest, given = local.named(data)
            self._looked(digest, given)
            if time.time() - max(state[1], state[2]) / 1e9 > YOUNG:
                self._known.put(f"file:{path}", {"stamp": list(state), "digest": digest})
        if len(self._memo) >= MEMO:
            self._memo.clear()
        self._memo[path] = state, digest
        return digest

    def _look(self, digest: str, path: str) -> Given:
        """What the picture `digest`, whose bytes lie at `path`, is; the file is read once. Raises BadInput."""
        if digest in self._looks:
            return self._looks[digest]
        try:
            return self._looked(digest, Given(**self._known.get(f"picture:{digest}") or {}), new=False)
        except TypeError:  # never looked at, or by another version
            return self._looked(digest, local.look(local.read(path)[0]))

    def _looked(self, digest: str, given: Given, *, new: bool = True) -> Given:
        if len(self._looks) >= MEMO:
            self._looks.clear()
        self._looks[digest] = given
        if new:
            self._known.put(f"picture:{digest}", asdict(given))
        return given

    def _facts(self, url: str) -> Mapping[str, str] | None:
        """What is known of a URL whose picture is here."""
        facts = self._known.get(url)
        if facts is None or not re.fullmatch("[0-9a-f]{64}", str(facts.get("digest"))):
            return None
        return facts if (self._kept / facts["digest"]).is_file() else None

    def _unfetched(
        self, rows: Iterable[Row], refetch: bool, doomed: Callable[[Row], bool]
    ) -> dict[str, Mapping[str, str] | None]:
        """The URLs to ask, each once a run, with what is known of them."""
        found: dict[str, Mapping[str, str] | None] = {}
        for row in filter(has_inputs, rows):
            names = (name for name in (*images_of(row), row.mask, row.control) if name and _URL.match(name))
            known = {name: self._facts(name) for name in names if name not in self._asked}
            open_ones = {name: facts for name, facts in known.items() if facts is None or refetch}
            if open_ones and not doomed(row):
                found |= open_ones
                self._asked |= dict.fromkeys(open_ones, "")
        return found

    def _fetch(
        self, urls: Mapping[str, Mapping[str, str] | None], heed: Callable[[], None], note: Callable[[str], None]
    ) -> None:
        stop = Event()
        with (
            Fetcher(self._kept, hosts=self._hosts, stopped=stop.is_set) as fetcher,
            ThreadPoolExecutor(HANDS, "fetch") as pool,
        ):
            going = {pool.submit(fetcher.fetch, url, facts): url for url, facts in urls.items()}
            try:
                while going:
                    for done in wait_for(going, timeout=0.2, return_when="FIRST_COMPLETED").done:
                        self._take(going.pop(done), done, note)
                    heed()
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _take(self, url: str, done: Future[Fetched], note: Callable[[str], None]) -> None:
        """Write down what came of a URL."""
        try:
            fetched = done.result()
        except NotFetched as problem:
            facts = self._facts(url)
            said = f"the input picture {shown(url)} {problem.what}"
            if facts is None:
                self._asked[url] = said
            told = sum(map(bool, self._asked.values()))
            if facts is not None:
                note(f"{said}; what was fetched earlier is used")
            elif told <= TOLD:
                note(said)
            elif told == TOLD + 1:
                note("… and more input pictures; results.csv has them all")
            return
        before = (self._facts(url) or {}) if fetched.digest is None else {}
        told_now = {name: value for name, value in asdict(fetched).items() if value is not None}
        self._known.put(url, {**before, **told_now, "asked": int(time.time())})


def _short(name: str) -> str:
    name = shown(name) if _URL.match(name) else name
    return repr(name if len(name) <= 60 else "..." + name[-57:])
