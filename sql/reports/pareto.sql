-- Accuracy against speed: the variants that no other one beats in both, fastest first; then by what the rest is beaten.
-- sqlite3 summary.db < sql/reports/pareto.sql
.headers on
.mode column
SELECT device, prompt, mode, model, image_size AS size, dtype, bank_dtype AS bank, printf('%.2f', 100 * jf) AS "J&F %",
       round(fps, 2) AS FPS, missing_videos AS missing, CASE on_front WHEN 1 THEN 'front' ELSE 'beaten by ' || beaten_by END AS verdict
FROM pareto
ORDER BY device, prompt, mode, on_front DESC, fps DESC, tag;
