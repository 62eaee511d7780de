"""A library that tells subjects from backgrounds, as small as can be: an ellipse in the middle is the subject."""

from __future__ import annotations

from pathlib import Path

CODE = """
from PIL import Image, ImageDraw

class Ellipse:
    name, version = "ellipse", "VERSION"

    def refuses(self):
        return REFUSES

    def alpha(self, image):
        ANSWER
        alpha = Image.new("L", image.size, 0)
        wide, high = image.size
        ImageDraw.Draw(alpha).ellipse((wide // 4, high // 4, wide * 3 // 4, high * 3 // 4), fill=255)
        return alpha
"""


def install(
    folder: Path, name: str = "ellipse", *, version: str = "1.2", refuses: str | None = None, answer: str = "pass"
) -> Path:
    """Lay the package into `folder` as pip would; `answer` is what `alpha` does first."""
    folder.mkdir(exist_ok=True)
    code = CODE.replace("VERSION", version).replace("REFUSES", repr(refuses)).replace("ANSWER", answer)
    (folder / f"{name}_package.py").write_text(code)
    info = folder / f"{name}_package-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[imagegen.background]\n{name} = {name}_package:Ellipse\n")
    return folder
