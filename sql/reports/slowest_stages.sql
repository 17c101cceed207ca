-- Where the time of a frame goes: stages by mean time, and their share of the mean latency of a frame. Decoding and
-- scoring run beside the device and are not part of the latency: their share may be any.
-- sqlite3 summary.db < sql/reports/slowest_stages.sql
.headers on
.mode column
SELECT c.label AS device, a.tag, s.stage, s.n AS frames, round(s.mean_ms, 3) AS "mean ms", round(s.median_ms, 3) AS "median ms",
       round(s.p95_ms, 3) AS "p95 ms", round(s.max_ms, 3) AS "max ms", round(100 * s.mean_ms / l.mean_ms, 1) AS "% of latency"
FROM variant_stage s
JOIN variant_stage l ON l.variant_id = s.variant_id AND l.device_class_id = s.device_class_id AND l.stage = 'latency'
JOIN variant a ON a.variant_id = s.variant_id
JOIN device_class c ON c.device_class_id = s.device_class_id
WHERE s.stage <> 'latency'
ORDER BY c.label, a.tag, s.mean_ms DESC, s.stage;
