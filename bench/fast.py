"""The same call by FastAPI, for who wonders; measured when it is installed."""

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI(openapi_url=None)


class Speech(BaseModel):
    name: str
    times: Annotated[int, Field(strict=True, ge=1, le=100)] = 1


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/v1/speak")
def speak(speech: Speech) -> dict[str, str]:
    return {"says": " ".join([f"{speech.name} says meow"] * speech.times)}
