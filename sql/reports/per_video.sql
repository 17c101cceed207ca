-- One line per video and variant: J&F in percent, difference to float32, mask agreement, latency.
-- sqlite3 summary.db < sql/reports/per_video.sql
.headers on
.mode column
SELECT video, device, host, tag, n_repetitions AS repetitions, CASE WHEN jf IS NOT NULL THEN printf('%.2f', 100 * jf) END AS "J&F %",
       CASE WHEN jf_delta IS NOT NULL THEN printf('%+.2f', 100 * jf_delta) END AS "vs float32", round(mask_iou, 4) AS "mask IoU",
       round(latency_median_ms, 1) AS "median ms", round(fps, 2) AS FPS, round(speedup, 2) AS "speed-up"
FROM video_comparison;
