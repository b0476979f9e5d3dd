"""A life of the service on AWS whose every request to AWS is broken, one after another."""
