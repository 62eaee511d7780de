"""The bare loop that `bench.throughput` compares with: a thread pool over the same SDK, nothing else.

    python -m bench.bare ADDRESS PROMPTS FOLDER WORKERS

Calls the SDK, fully decodes each picture, writes it to a file; prints its seconds. The clock starts
before the SDK is imported, as it does for `imagegen run`, which imports it inside the run, too.
"""

from __future__ import annotations

import base64
import io
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MODEL, QUALITY, SIZE = "gpt-image-2.5-flare", "medium", "1024x1024"


def main() -> None:
    """Make every picture and print the seconds."""
    address, prompts, folder, workers = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    texts = prompts.read_text(encoding="utf-8").splitlines()
    began = time.perf_counter()
    import openai
    from PIL import Image

    client = openai.OpenAI(api_key="sk-bench", base_url=address, max_retries=0)

    def one(number: int) -> None:
        answer = client.images.generate(
            model=MODEL, prompt=texts[number], size=SIZE, quality=QUALITY, output_format="png"
        )
        data = base64.b64decode(answer.data[0].b64_json)
        Image.open(io.BytesIO(data)).load()
        (folder / f"{number}.png").write_bytes(data)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, range(len(texts))))
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
