"""AWS Lambda Powertools' resolver, with validation by pydantic."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel, Field

app = APIGatewayRestResolver(enable_validation=True)


class Speech(BaseModel):
    name: str
    times: Annotated[int, Field(strict=True, ge=1, le=100)] = 1


@app.post("/v1/speak")
def speak(speech: Speech) -> dict[str, str]:
    return {"says": " ".join([f"{speech.name} says meow"] * speech.times)}


def handle(event: Any, context: Any) -> Any:
    return app.resolve(event, context)
