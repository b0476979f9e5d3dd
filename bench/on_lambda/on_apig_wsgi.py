"""A WSGI application that does nothing, behind apig-wsgi."""

from apig_wsgi import make_lambda_handler

from bench.on_lambda.bare_wsgi import app

handle = make_lambda_handler(app)
