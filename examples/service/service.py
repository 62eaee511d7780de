"""Pictures as they are asked for: `python service.py "A mug" "A lamp" --provider placeholder`."""

from __future__ import annotations

import argparse
import asyncio
import sys

import imagegen


async def illustrate(service: imagegen.ImageGenerationService, prompt: str, priority: int) -> None:
    """Ask for one picture and say what became of it."""
    try:
        picture = await service.generate(prompt, use_case="blog_image", priority=priority)
    except imagegen.BudgetStop as stop:
        print(f"{prompt}: not today: {stop}")
    except imagegen.ImagegenError as problem:
        print(f"{prompt}: {problem}")
    else:
        print(f"{prompt}: {picture.state}, {picture.file}")


async def main() -> None:
    """All at once; the first one is the most urgent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", nargs="+")
    parser.add_argument("--provider", help="placeholder costs nothing")
    given = parser.parse_args()
    async with imagegen.ImageGenerationService(
        "out/service",
        budget={"hour": 10, "day": 100},
        workers=10,
        provider=given.provider,
        on_note=lambda text: print(f"note: {text}", file=sys.stderr),
    ) as service:
        asked = [illustrate(service, prompt, 1 if n == 0 else 2) for n, prompt in enumerate(given.prompts)]
        await asyncio.gather(*asked)


if __name__ == "__main__":
    asyncio.run(main())
