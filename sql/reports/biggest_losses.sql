-- The twenty objects that lose most J&F (in percent) against float32: the ones to look at in a picture.
-- sqlite3 summary.db < sql/reports/biggest_losses.sql
.headers on
.mode column
SELECT v.video, o.obj_id AS object, a.tag, c.label AS device, round(100 * p.jf, 2) AS "J&F vs float32",
       round(100 * p.j, 2) AS "J vs float32", round(100 * p.f, 2) AS "F vs float32"
FROM object_pair p
JOIN object o USING (object_id)
JOIN video v ON v.video_id = p.video_id
JOIN variant a USING (variant_id)
JOIN device_class c USING (device_class_id)
WHERE p.jf < 0
ORDER BY p.jf, v.video, o.obj_id, a.tag
LIMIT 20;
