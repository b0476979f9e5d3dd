"""FastAPI behind Mangum."""

from mangum import Mangum

from bench.fast import app

handle = Mangum(app, lifespan="off")
