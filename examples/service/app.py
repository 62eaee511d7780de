"""A web service: POST /pictures makes a picture and answers with where it is; GET /pictures/NAME gives it.

IMAGE_PROVIDER=placeholder uvicorn app:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

import imagegen

#: What a browser may have of the folder; the results beside the pictures are nobody's business.
PICTURES = {".png", ".jpg", ".webp", ".avif"}


class Wanted(BaseModel):
    """What somebody asks for."""

    prompt: str = Field(min_length=1, max_length=4000)
    use_case: str | None = "blog_image"
    needs_text: bool = False
    priority: int = Field(default=2, ge=1, le=3)


def create(output: str = "out/pictures", provider: str | None = None) -> FastAPI:
    """The application. One process holds one folder: start it with one worker, more of them need more folders."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        budget = {"hour": 10, "day": 100}
        async with imagegen.ImageGenerationService(output, budget=budget, provider=provider) as service:
            app.state.service = service
            yield

    app = FastAPI(title="Pictures", lifespan=lifespan)

    @app.post("/pictures")
    async def make(wanted: Wanted) -> dict[str, Any]:
        try:
            picture = await app.state.service.generate(**wanted.model_dump())
        except (imagegen.BudgetStop, imagegen.ProviderStop) as stop:
            raise HTTPException(503, str(stop), {"Retry-After": "3600"}) from stop
        except imagegen.UsageError as problem:
            raise HTTPException(422, str(problem)) from problem
        except imagegen.NotMade as problem:
            # Refused by planning or by a policy, failed, or unknown: asking again at once changes none of it.
            raise HTTPException(422 if problem.result is None else 502, str(problem)) from problem
        name = picture.file.relative_to(output).as_posix()
        return {
            "url": f"/pictures/{name}",
            "state": picture.state,
            "model": picture.model,
            "cost_usd": None if picture.cost is None else str(picture.cost),
        }

    @app.get("/pictures/{name}")
    async def show(name: str) -> FileResponse:
        file = Path(output, name)
        if Path(name).name != name or file.suffix not in PICTURES or not file.is_file():
            raise HTTPException(404, "no such picture")
        return FileResponse(file)

    return app


app = create(provider=os.environ.get("IMAGE_PROVIDER"))
