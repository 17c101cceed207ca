-- Variants by J&F (percent) within each kind of device and prompt. Ranks are fair where "missing" is 0: the variant was
-- run on every video that the others were run on.
-- sqlite3 summary.db < sql/reports/leaderboard.sql
.headers on
.mode column
SELECT rank, device, prompt, model, image_size AS size, dtype, bank_dtype AS bank, mode, printf('%.2f', 100 * jf) AS "J&F %",
       printf('%.2f', 100 * j) AS "J %", printf('%.2f', 100 * f) AS "F %", round(fps, 2) AS FPS,
       round(latency_median_ms, 1) AS "median ms", round(peak_device_mib) AS "device MiB", n_videos AS videos,
       missing_videos AS missing, n_failed AS failed
FROM leaderboard;
