"""The mutants, by what they would break."""

from tests.mutants.catalogue import acceptance, access, jobs, messages, schedules, stores

MUTANTS = (
    *acceptance.MUTANTS,
    *jobs.MUTANTS,
    *schedules.MUTANTS,
    *stores.MUTANTS,
    *messages.MUTANTS,
    *access.MUTANTS,
)
