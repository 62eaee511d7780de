"""Pictures for the products of a shop that have none: a list of products in, the same list with pictures out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import imagegen


def row(product: dict[str, Any]) -> dict[str, Any]:
    """What is to be seen of a product, and what for: the use case chooses model, size and quality."""
    return {
        "id": product["sku"],
        "prompt": f"Product photo of {product['title']}: {product['text']} On a plain light background.",
        "use_case": "hero_image" if product["featured"] else "product_shot",
        "format": "webp",
    }


def illustrate(products: list[dict[str, Any]], provider: str | None, budget: str) -> imagegen.Summary:
    """Make what is missing, within `budget` USD, and write each picture's place into its product."""
    missing = {product["sku"]: product for product in products if not product.get("picture")}
    project = imagegen.load(map(row, missing.values()), name="catalogue", provider=provider, budget=budget)
    print(imagegen.plan(project), end="\n\n")
    for event in (run := imagegen.run(project)):
        if isinstance(event, imagegen.Result) and event.file:
            missing[event.id]["picture"] = event.file.as_posix()
        elif isinstance(event, imagegen.Result | imagegen.Note | imagegen.Waiting):
            print(event, file=sys.stderr)
    return run.result()


def main() -> int:
    """The program; its exit code is that of `imagegen run`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("products", type=Path, help="a JSON list of products")
    arguments.add_argument("--provider", help="placeholder costs nothing")
    arguments.add_argument("--budget", default="1", help="the most to spend, in USD [1]")
    said = arguments.parse_args()
    products = json.loads(said.products.read_text(encoding="utf-8"))
    try:
        summary = illustrate(products, said.provider, said.budget)
    except imagegen.ImagegenError as problem:
        print(problem, *getattr(problem, "__notes__", ()), sep="\n", file=sys.stderr)
        return int(problem.exit_code)
    Path("illustrated.json").write_text(json.dumps(products, indent=2), encoding="utf-8")
    print(summary)
    return summary.exit_code


if __name__ == "__main__":
    sys.exit(main())
