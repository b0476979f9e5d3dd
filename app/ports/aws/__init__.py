"""The ports on AWS. Whoever loads a module of this package loads AWS's packages with it."""
