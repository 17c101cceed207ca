-- Every dtype beside its float32 sibling: J&F in percent, paired differences with 95 % intervals, speed, memory.
-- sqlite3 summary.db < sql/reports/dtype_table.sql
.headers on
.mode column
SELECT device, model, prompt, image_size AS size, mode, bank_dtype AS bank, dtype,
       CASE WHEN jf IS NOT NULL THEN printf('%.2f', 100 * jf) END AS "J&F %",
       CASE WHEN jf_delta IS NULL THEN NULL WHEN jf_delta_low IS NULL THEN printf('%+.2f', 100 * jf_delta)
            ELSE printf('%+.2f [%+.2f, %+.2f]', 100 * jf_delta, 100 * jf_delta_low, 100 * jf_delta_high) END AS "vs float32",
       round(mask_iou, 4) AS "mask IoU",
       round(latency_median_ms, 1) AS "median ms", round(latency_p95_ms, 1) AS "p95 ms", round(fps, 2) AS FPS,
       round(speedup, 2) AS "speed-up", round(peak_device_mib) AS "device MiB", round(peak_rss_mib) AS "host MiB",
       n_videos AS videos, n_paired_videos AS paired, n_objects AS objects, n_failed AS failed
FROM dtype_comparison;
