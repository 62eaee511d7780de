"""docs/shop.md followed from its first command to its last, with a real shop's export in the place of the example's."""

from __future__ import annotations

import csv
import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.e2e.conftest import ROOT, SHARED, files, opened
from tests.forked import Forker
from tests.test_docs import Session, blocks

EXPORT = SHARED / "shopify-apparel.csv"
PAGE = ROOT / "docs" / "shop.md"
#: Where the example's manifest says that its pictures will lie.
WEB = "https://cdn.example.com/shop/"
OURS = ("Image Src", "Image Position", "Image Alt Text")
#: Where the page's table of 10,000 products becomes a smaller one, which shows the same.
BIG = ("more.py 9992", "more.py 180")

#: What the page's commands print, with the export's figures: 20 products on 22 lines, all of them with a photo.
PRINTED = {
    "imagegen validate": ["shop/shop.yaml: 20 rows, all well-formed"],
    "cost-estimate shop/shop.yaml": ["for 20 pictures (shop.yaml, routes current)"],
    "cost-estimate shop/edit.yaml": ["for 20 pictures (edit.yaml, routes current)", "gpt-image-2.5-sunburst"],
    "cost-estimate big/shop.yaml": ["for 200 pictures (shop.yaml, routes current)", "Budget: $1.00; exceeded by"],
    "plan slate.yaml": ["slate     buy", "Budget: $0.10; within the budget."],
    "--limit 5 --dry-run": ["for 5 pictures", "nothing was asked and nothing was made"],
    "--limit 5": ["5 made; $0.00 spent"],
    "--limit 2 --budget 0.20 --dry-run": ["for 2 pictures", "Budget: $0.20; within the budget."],
    "--limit 2 --budget 0.20": ["2 made; $0.0"],
}

Lines = list[dict[str, str]]


def table(path: Path) -> Lines:
    """The lines of a CSV by the names of its columns, in the file's order."""
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def check_import(source: Lines, result: Lines, folder: Path, made: int) -> None:
    """Every line and column of the source in its order and as it was; for each of the first `made` products one line
    more, below its own, with handle, address, next position and alternative text, and nothing else."""
    assert list(result[0]) == list(source[0])
    assert [line for line in result if line in source] == source
    further = [line for line in result if line not in source]
    titles = {line["Handle"]: line["Title"] for line in source if line["Title"]}
    assert [line["Handle"] for line in further] == list(titles)[:made]
    for line in further:
        assert {name for name, cell in line.items() if cell} == {"Handle", *OURS}
        assert (folder / line["Image Src"].removeprefix(WEB)).is_file()
        assert titles[line["Handle"]] in line["Image Alt Text"]
        assert len(line["Image Alt Text"]) <= 512
    # What Shopify asks of an import: a handle's lines stand together, and its positions count from 1.
    handles = [line["Handle"] for line in result]
    assert [one for one, before in zip(handles, [None, *handles], strict=False) if one != before] == list(titles)
    positions = defaultdict(list)
    for line in result:
        if line["Image Src"]:
            assert re.fullmatch(r"https://[!-~]+", line["Image Src"])  # no blanks, no letters beyond ASCII
            positions[line["Handle"]].append(line["Image Position"])
    assert all(found == ["1", "2"][: len(found)] for found in positions.values())
    assert sum(len(found) == 2 for found in positions.values()) == made


class Newcomer:
    """Types what the page says, and looks at what comes."""

    def __init__(self, folder: Path, cloud: Cloud, forker: Forker) -> None:
        self.session, self.cloud = Session(folder, cloud.base_url, forker), cloud
        self.products, self.result = folder / "shop" / "products.csv", folder / "try" / "import.csv"
        self.after: dict[str, Callable[[str], None]] = {
            "imagegen init": self._bring_the_export,
            "--output try --limit 5": lambda _: self._table(5),
            "--output try": self._whole_table,
            "imagegen spend": self._spent,
        }
        self.whole, self.seen = 0, set[str]()

    def follow(self) -> None:
        """Every block of the page, in order."""
        for block in blocks(PAGE.read_text(encoding="utf-8")):
            if block.title:
                self.session.write(block)
            elif block.language == "console":
                for command, below in block.commands():
                    self._type(command, below)

    def _type(self, command: str, below: str) -> None:
        printed = self.session.run(command.replace(*BIG))
        assert "Traceback" not in printed
        if command == "echo $?":
            assert printed == below.rstrip("\n") + "\n"
        for words, expected in PRINTED.items():
            if words in command:
                assert [each for each in expected if each not in printed] == [], (command, printed)
                self.seen.add(words)
                break
        for words, look in self.after.items():
            if words in command and "--dry-run" not in command:
                look(printed)
                self.seen.add(words)
                break

    def _bring_the_export(self, _: str) -> None:
        assert "cp shopify-apparel.csv shop/products.csv" in PAGE.read_text(encoding="utf-8")
        shutil.copy(EXPORT, self.products)

    def _table(self, made: int) -> None:
        check_import(table(self.products), table(self.result), self.result.parent, made)
        before, after = (path.read_bytes().splitlines() for path in (self.products, self.result))
        assert [line for line in after if line in before] == before  # to the byte

    def _whole_table(self, printed: str) -> None:
        """The rest; then one more size, for which nothing is made; then three products more."""
        told = ["15 made, 5 already there", "20 already there", "3 made, 20 already there"]
        assert told[self.whole] in printed
        self.whole += 1
        self._table(23 if self.whole == 3 else 20)
        assert self.cloud.requests == [] or self.whole == 3

    def _spent(self, printed: str) -> None:
        """Two pictures were bought, and `spend` says what the server's bill says."""
        assert len(self.cloud.charges) == 2
        assert re.search(rf"Total .*\${self.cloud.bill / 10**9:.4f}".rstrip("0"), printed), printed


@pytest.mark.skipif(not EXPORT.exists(), reason="shopify-apparel.csv is not part of the project")
@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_a_newcomer_follows_the_page_with_a_real_export(tmp_path: Path, forker: Forker) -> None:
    """From `init` to a table that could be imported again, a key, two pictures and an edit bought, and more."""
    with Cloud() as cloud:
        newcomer = Newcomer(tmp_path / "work", cloud, forker)
        newcomer.follow()
        assert newcomer.whole == 3
        assert newcomer.seen == PRINTED.keys() | newcomer.after.keys()
        assert len(cloud.charges) == 3  # two from words, one edit
    sizes = {"": (1024, 1024), "card": (512, 512), "og": (1200, 630), "mini": (96, 96)}
    for name, size in sizes.items():
        folder = newcomer.result.parent / name / "product_shot"
        assert files(folder) == {f"{line['Handle']}.webp" for line in table(newcomer.products) if line["Title"]}
        assert {opened(path) for path in folder.iterdir()} == {(size, "WEBP")}
