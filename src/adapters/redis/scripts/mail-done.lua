-- Removes a job, given up or not: its mail has gone out.
-- KEYS: the outbox. ARGV: keep, maxDead, id.

forget(ARGV[3])
unearth(ARGV[3])
return 1
