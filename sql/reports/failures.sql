-- What was not measured, and why.
-- sqlite3 summary.db < sql/reports/failures.sql
.headers on
.mode column
SELECT what, video, tag, repetition, status, code, reason, host, device, n_attempts AS attempts, last_outcome, last_stage, last_frame
FROM failures;
