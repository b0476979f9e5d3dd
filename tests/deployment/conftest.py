"""A cloud of one's own: ministack, which makes stacks, and asks its IAM when told to."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.deployment.cloud import Cloud
from tests.engines import ministack
from tests.engines.ministack import Ministack


@pytest.fixture(scope="session")
def aws(require: Callable[[Any, str], None]) -> Iterator[Ministack]:
    with ministack.running(require) as running:
        yield running


@pytest.fixture
def empty(aws: Ministack) -> Ministack:
    """With nothing in it."""
    aws.reset()
    return aws


@pytest.fixture
def cloud(empty: Ministack) -> Cloud:
    return cloud_of(empty)


def cloud_of(stack: Ministack, key: str = "test", secret: str = "test") -> Cloud:
    import boto3.session

    class Session(boto3.session.Session):
        def client(self, *words: Any, **options: Any) -> Any:
            return super().client(*words, **options, endpoint_url=stack.url)

    region = stack.environ["AWS_REGION"]
    return Cloud(Session(region_name=region, aws_access_key_id=key, aws_secret_access_key=secret))
