"""The room: it takes a call and gives an outcome, and knows nothing of the world but its ports.

Where to look, by what one wants to know:

a call        call, enter, parts, access, rate, deadline, keyed; errors: all that can go wrong
  as a job    job_call
an operation  operation, policy, route, trigger, schema/: from type hints to JSON Schema
a job         job: its states; engine: submit, claim, execute, settle
  accepted    acceptance, drafts, gate, brim, latest
  run         execute, run, boundary, journal, notes, capture, children, run_files, step_error
  settled     settlement, job_error, ledger, orphans, tally, stats, metrics, happenings
  found       sweep, restored, set_back, listing, walk, job_view
flow          flow, lane, parking, window: how many at once, and how often
schedules     schedule, timing, calendar, standing, tick, schedule_view
files         files, shelf, announced, file_link, file_view, file_uses, uploads, inbox
messages      message, unreadable; claim: what is too large for one
access        key, keyring, parting, session
callbacks     webhook, callback, signing, egress, circuit
users' state  records; change: who watches them
secrets       seal, hush
forms         strict_json, duration, size, moment
"""
