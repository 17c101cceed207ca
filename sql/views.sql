-- Views of summary.db. METRICS.md defines every number; schema.sql the tables. Only plain SQL: any sqlite3 reads them.
-- First the steps (record ... speed), then what people ask for: dtype_comparison, video_comparison, leaderboard,
-- attention_proof, failures, pareto. J, F and J&F are 0..1.

-- One row per trial, done or failed, with the words that name it.
CREATE VIEW record AS
SELECT t.trial_id, v.video, a.tag, t.repetition, t.status, h.host, c.label AS device, t.jf, t.j, t.f, t.n_scored,
       t.n_frames, t.clicks, p.postprocess, t.fps, l.median_ms AS latency_median_ms, l.p95_ms AS latency_p95_ms, t.wall_ms, t.warmup_ms,
       t.peak_device_bytes, t.peak_rss_bytes, t.nonfinite, p.checkpoint, p.savbench_version, p.torch, p.cuda,
       p.driver, t.run_id, t.started_utc, t.recorded_utc, t.shard, t.shard_sha256, t.code, t.reason
FROM trial t
JOIN video v USING (video_id)
JOIN variant a USING (variant_id)
LEFT JOIN device d USING (device_id)
LEFT JOIN host h USING (host_id)
LEFT JOIN device_class c USING (device_class_id)
LEFT JOIN provenance p USING (provenance_id)
LEFT JOIN trial_stage l ON l.trial_id = t.trial_id AND l.stage = 'latency';

-- Done trials with what decides whether two may be compared.
CREATE VIEW done AS
SELECT t.*, d.device_class_id, p.checkpoint_sha256, p.point_rule
FROM trial t
JOIN device d USING (device_id)
JOIN provenance p USING (provenance_id)
WHERE t.status = 'done';

-- The float32 sibling of every other variant.
CREATE VIEW baseline AS
SELECT a.variant_id, b.variant_id AS baseline_id
FROM variant a
JOIN variant b ON b.model = a.model AND b.prompt = a.prompt AND b.image_size = a.image_size
              AND b.bank_dtype = a.bank_dtype AND b.mode = a.mode AND b.dtype = 'float32'
WHERE a.dtype <> 'float32';

-- Trials that may be compared: a video on one device by a variant and by its sibling; means over repetitions.
CREATE VIEW video_mean AS
SELECT t.variant_id, t.video_id, t.device_id, t.device_class_id, t.checkpoint_sha256, t.point_rule,
       count(*) AS n_repetitions, avg(t.fps) AS fps, avg(l.mean_ms) AS latency_mean_ms,
       avg(l.median_ms) AS latency_median_ms, avg(l.p95_ms) AS latency_p95_ms,
       avg(t.peak_device_bytes) / 1048576.0 AS peak_device_mib, avg(t.peak_rss_bytes) / 1048576.0 AS peak_rss_mib,
       avg(t.energy_j / t.n_frames) AS frame_energy_j
FROM done t
LEFT JOIN trial_stage l ON l.trial_id = t.trial_id AND l.stage = 'latency'
GROUP BY t.variant_id, t.video_id, t.device_id, t.checkpoint_sha256, t.point_rule;

CREATE VIEW object_mean AS
SELECT t.variant_id, t.video_id, t.device_id, t.device_class_id, t.checkpoint_sha256, t.point_rule, o.object_id,
       avg(o.j) AS j, avg(o.f) AS f, avg(o.jf) AS jf
FROM done t
JOIN trial_object o USING (trial_id)
WHERE o.n_counted > 0
GROUP BY t.variant_id, t.video_id, t.device_id, t.checkpoint_sha256, t.point_rule, o.object_id;

CREATE VIEW video_pair AS
SELECT v.variant_id, l.baseline_id, v.device_class_id, v.video_id, v.device_id, v.checkpoint_sha256, v.point_rule,
       v.fps - b.fps AS fps, v.latency_median_ms - b.latency_median_ms AS latency_median_ms,
       v.latency_p95_ms - b.latency_p95_ms AS latency_p95_ms, b.latency_mean_ms / v.latency_mean_ms AS speedup,
       v.peak_device_mib - b.peak_device_mib AS peak_device_mib, v.peak_rss_mib - b.peak_rss_mib AS peak_rss_mib,
       v.frame_energy_j - b.frame_energy_j AS frame_energy_j
FROM video_mean v
JOIN baseline l USING (variant_id)
JOIN video_mean b ON b.variant_id = l.baseline_id AND b.video_id = v.video_id AND b.device_id = v.device_id
                 AND b.checkpoint_sha256 = v.checkpoint_sha256 AND b.point_rule = v.point_rule;

CREATE VIEW object_pair AS
SELECT v.variant_id, l.baseline_id, v.device_class_id, v.video_id, v.device_id, v.checkpoint_sha256, v.point_rule, v.object_id,
       v.j - b.j AS j, v.f - b.f AS f, v.jf - b.jf AS jf
FROM object_mean v
JOIN baseline l USING (variant_id)
JOIN object_mean b ON b.variant_id = l.baseline_id AND b.object_id = v.object_id AND b.device_id = v.device_id
                  AND b.checkpoint_sha256 = v.checkpoint_sha256 AND b.point_rule = v.point_rule;

-- Where a failed trial ran, as far as it is known: the only kind of the device that it named, on its host or anywhere, else the
-- only kind on its host, else the only kind there is. A device that ran in two power modes is of two kinds: not known.
CREATE VIEW failed_trial AS
SELECT t.*,
       coalesce((SELECT CASE WHEN count(DISTINCT d.device_class_id) = 1 THEN min(d.device_class_id) END
                 FROM device d JOIN host h USING (host_id) JOIN device_class c USING (device_class_id)
                 WHERE h.host = t.failed_host AND c.device = t.failed_device),
                (SELECT CASE WHEN count(*) = 1 THEN min(c.device_class_id) END FROM device_class c WHERE c.device = t.failed_device),
                (SELECT CASE WHEN count(DISTINCT d.device_class_id) = 1 THEN min(d.device_class_id) END
                 FROM device d JOIN host h USING (host_id) WHERE h.host = t.failed_host),
                (SELECT CASE WHEN count(*) = 1 THEN min(c.device_class_id) END FROM device_class c)) AS device_class_id
FROM trial t
WHERE t.status <> 'done';

-- Every variant on every kind of device that has a record of it.
CREATE VIEW variant_device AS
SELECT variant_id, device_class_id, device, sum(done) AS n_trials, sum(1 - done) AS n_failed
FROM (SELECT t.variant_id, t.device_class_id, c.label AS device, 1 AS done
      FROM done t JOIN device_class c USING (device_class_id)
      UNION ALL
      SELECT t.variant_id, t.device_class_id, coalesce(c.label, nullif(t.failed_device, ''), 'unknown device'), 0
      FROM failed_trial t LEFT JOIN device_class c USING (device_class_id))
GROUP BY variant_id, device_class_id, device;

-- J, F, J&F of a variant: repetitions of an object first, then all objects equally.
CREATE VIEW accuracy AS
SELECT variant_id, device_class_id, count(*) AS n_objects, avg(j) AS j, avg(f) AS f, avg(jf) AS jf
FROM (SELECT t.variant_id, t.device_class_id, o.object_id, avg(o.j) AS j, avg(o.f) AS f, avg(o.jf) AS jf
      FROM done t JOIN trial_object o USING (trial_id)
      WHERE o.n_counted > 0
      GROUP BY t.variant_id, t.device_class_id, o.object_id)
GROUP BY variant_id, device_class_id;

CREATE VIEW speed AS
SELECT variant_id, device_class_id, count(DISTINCT video_id) AS n_videos, sum(n_timed) AS n_timed,
       1000.0 * sum(n_timed) / sum(timed_ms) AS fps, max(peak_device_bytes) / 1048576.0 AS peak_device_mib,
       max(peak_rss_bytes) / 1048576.0 AS peak_rss_mib,
       sum(energy_j) / sum(CASE WHEN energy_j IS NOT NULL THEN n_frames END) AS frame_energy_j,
       sum(nonfinite) AS nonfinite
FROM done
GROUP BY variant_id, device_class_id;

-- The dtypes of a model on a kind of device, each beside its float32 sibling. Columns named *_delta are paired
-- differences (variant minus float32), *_low and *_high their 95 % interval. baseline NULL: there is no done float32
-- sibling on that kind of device, and nothing is compared.
CREATE VIEW dtype_comparison AS
SELECT x.device, a.model, a.prompt, a.image_size, a.mode, a.bank_dtype, a.dtype, a.tag,
       (SELECT b.tag FROM baseline l JOIN variant b ON b.variant_id = l.baseline_id
        JOIN speed s ON s.variant_id = l.baseline_id AND s.device_class_id = x.device_class_id
        WHERE l.variant_id = a.variant_id) AS baseline,
       x.n_trials, x.n_failed, coalesce(s.n_videos, 0) AS n_videos, coalesce(q.n_objects, 0) AS n_objects,
       q.jf, q.j, q.f,
       (SELECT max(k.n_videos) FROM comparison k WHERE k.variant_id = x.variant_id AND k.device_class_id = x.device_class_id)
         AS n_paired_videos, jf.n_units AS n_paired_objects,
       jf.estimate AS jf_delta, jf.low AS jf_delta_low, jf.high AS jf_delta_high,
       m.estimate AS mask_iou, m.low AS mask_iou_low, m.high AS mask_iou_high, m.n_units AS n_masks,
       (SELECT min(p.mask_iou_min) FROM trial_pair p JOIN done t USING (trial_id)
        WHERE t.variant_id = x.variant_id AND t.device_class_id = x.device_class_id) AS mask_iou_min,
       g.median_ms AS latency_median_ms, lm.estimate AS latency_median_delta_ms,
       lm.low AS latency_median_delta_low_ms, lm.high AS latency_median_delta_high_ms,
       g.p95_ms AS latency_p95_ms, lp.estimate AS latency_p95_delta_ms,
       lp.low AS latency_p95_delta_low_ms, lp.high AS latency_p95_delta_high_ms,
       s.fps, fp.estimate AS fps_delta, fp.low AS fps_delta_low, fp.high AS fps_delta_high,
       sp.estimate AS speedup, sp.low AS speedup_low, sp.high AS speedup_high,
       s.peak_device_mib, pd.estimate AS peak_device_delta_mib, pd.low AS peak_device_delta_low_mib,
       pd.high AS peak_device_delta_high_mib,
       s.peak_rss_mib, pr.estimate AS peak_rss_delta_mib, pr.low AS peak_rss_delta_low_mib,
       pr.high AS peak_rss_delta_high_mib,
       s.frame_energy_j, en.estimate AS frame_energy_delta_j, en.low AS frame_energy_delta_low_j,
       en.high AS frame_energy_delta_high_j,
       s.nonfinite
FROM variant_device x
JOIN variant a USING (variant_id)
LEFT JOIN speed s ON s.variant_id = x.variant_id AND s.device_class_id = x.device_class_id
LEFT JOIN accuracy q ON q.variant_id = x.variant_id AND q.device_class_id = x.device_class_id
LEFT JOIN variant_stage g ON g.variant_id = x.variant_id AND g.device_class_id = x.device_class_id AND g.stage = 'latency'
LEFT JOIN comparison jf ON jf.variant_id = x.variant_id AND jf.device_class_id = x.device_class_id AND jf.metric = 'jf'
LEFT JOIN comparison m ON m.variant_id = x.variant_id AND m.device_class_id = x.device_class_id AND m.metric = 'mask_iou'
LEFT JOIN comparison lm ON lm.variant_id = x.variant_id AND lm.device_class_id = x.device_class_id AND lm.metric = 'latency_median_ms'
LEFT JOIN comparison lp ON lp.variant_id = x.variant_id AND lp.device_class_id = x.device_class_id AND lp.metric = 'latency_p95_ms'
LEFT JOIN comparison fp ON fp.variant_id = x.variant_id AND fp.device_class_id = x.device_class_id AND fp.metric = 'fps'
LEFT JOIN comparison sp ON sp.variant_id = x.variant_id AND sp.device_class_id = x.device_class_id AND sp.metric = 'speedup'
LEFT JOIN comparison pd ON pd.variant_id = x.variant_id AND pd.device_class_id = x.device_class_id AND pd.metric = 'peak_device_mib'
LEFT JOIN comparison pr ON pr.variant_id = x.variant_id AND pr.device_class_id = x.device_class_id AND pr.metric = 'peak_rss_mib'
LEFT JOIN comparison en ON en.variant_id = x.variant_id AND en.device_class_id = x.device_class_id AND en.metric = 'frame_energy_j'
ORDER BY x.device, a.model, a.prompt, a.image_size, a.mode, a.bank_dtype,
         CASE a.dtype WHEN 'float32' THEN 0 WHEN 'tf32' THEN 1 WHEN 'float16' THEN 2 ELSE 3 END;

-- The same, one video at a time.
CREATE VIEW video_comparison AS
SELECT v.video, c.label AS device, h.host, a.tag, a.model, a.dtype, m.n_repetitions, o.jf, o.jf_delta,
       (SELECT sum(p.mask_iou * p.n_masks) / sum(p.n_masks) FROM trial_pair p JOIN done t USING (trial_id)
        WHERE t.variant_id = m.variant_id AND t.video_id = m.video_id AND t.device_id = m.device_id
          AND t.checkpoint_sha256 = m.checkpoint_sha256 AND t.point_rule = m.point_rule) AS mask_iou,
       m.latency_median_ms, p.latency_median_ms AS latency_median_delta_ms, m.fps, p.speedup, m.peak_device_mib, m.peak_rss_mib
FROM video_mean m
JOIN video v USING (video_id)
JOIN variant a USING (variant_id)
JOIN device d USING (device_id)
JOIN host h USING (host_id)
JOIN device_class c ON c.device_class_id = m.device_class_id
LEFT JOIN video_pair p ON p.variant_id = m.variant_id AND p.video_id = m.video_id AND p.device_id = m.device_id
                      AND p.checkpoint_sha256 = m.checkpoint_sha256 AND p.point_rule = m.point_rule
LEFT JOIN (SELECT s.variant_id, s.video_id, s.device_id, s.checkpoint_sha256, s.point_rule, avg(s.jf) AS jf, avg(r.jf) AS jf_delta
           FROM object_mean s LEFT JOIN object_pair r
             ON r.variant_id = s.variant_id AND r.object_id = s.object_id AND r.device_id = s.device_id
            AND r.checkpoint_sha256 = s.checkpoint_sha256 AND r.point_rule = s.point_rule
           GROUP BY s.variant_id, s.video_id, s.device_id, s.checkpoint_sha256, s.point_rule) o
  ON o.variant_id = m.variant_id AND o.video_id = m.video_id AND o.device_id = m.device_id
 AND o.checkpoint_sha256 = m.checkpoint_sha256 AND o.point_rule = m.point_rule
ORDER BY v.video, device, h.host, a.tag;

-- Variants by J&F within a kind of device and a prompt. missing_videos: those that another variant there has and this
-- one has not; ranks are fair where it is 0.
CREATE VIEW leaderboard AS
SELECT rank() OVER (PARTITION BY x.device, a.prompt ORDER BY q.jf DESC) AS rank,
       x.device, a.prompt, a.model, a.image_size, a.dtype, a.bank_dtype, a.mode, q.jf, q.j, q.f, s.fps,
       g.median_ms AS latency_median_ms, g.p95_ms AS latency_p95_ms, s.peak_device_mib, s.peak_rss_mib, s.frame_energy_j,
       s.n_videos, q.n_objects,
       (SELECT count(DISTINCT t.video_id) FROM done t JOIN variant w USING (variant_id)
        WHERE t.device_class_id = x.device_class_id AND w.prompt = a.prompt) - s.n_videos AS missing_videos,
       x.n_failed, a.tag
FROM variant_device x
JOIN variant a USING (variant_id)
JOIN speed s ON s.variant_id = x.variant_id AND s.device_class_id = x.device_class_id
JOIN accuracy q ON q.variant_id = x.variant_id AND q.device_class_id = x.device_class_id
LEFT JOIN variant_stage g ON g.variant_id = x.variant_id AND g.device_class_id = x.device_class_id AND g.stage = 'latency'
ORDER BY x.device, a.prompt, rank, a.tag;

-- Power, energy, heat and clocks of a variant on a kind of device, over the trials that tell. frame_active_j is frame_energy_j
-- without what the device takes with nothing to do. power_source says whose watts they are.
CREATE VIEW energy AS
SELECT c.label AS device, a.tag, a.model, a.image_size, a.dtype, min(t.power_source) AS power_source, count(*) AS n_trials,
       count(t.energy_j) AS n_energy, sum(t.throttled) AS n_throttled, sum(t.throttle_repeats) AS n_repeats,
       sum(t.energy_j) / sum(CASE WHEN t.energy_j IS NOT NULL THEN t.n_frames END) AS frame_energy_j,
       sum(CASE WHEN t.energy_j IS NOT NULL THEN t.idle_j END) / sum(CASE WHEN t.energy_j IS NOT NULL AND t.idle_j IS NOT NULL THEN t.n_frames END)
         AS frame_idle_j,
       sum(t.energy_j - t.idle_j) / sum(CASE WHEN t.energy_j IS NOT NULL AND t.idle_j IS NOT NULL THEN t.n_frames END) AS frame_active_j,
       avg(t.power_mean_w) AS power_mean_w, max(t.power_max_w) AS power_max_w, max(t.temperature_max_c) AS temperature_max_c,
       avg(t.gpu_clock_mhz) AS gpu_clock_mhz, avg(t.rss_bytes_per_frame) AS rss_bytes_per_frame, max(t.unified) AS unified
FROM done t
JOIN variant a USING (variant_id)
JOIN device_class c ON c.device_class_id = t.device_class_id
GROUP BY t.variant_id, t.device_class_id
ORDER BY c.label, a.tag;

-- How steady each trial's frames were: `noisy` 1 where their times say less than they seem to (METRICS.md, "Noise"). The stub's
-- microseconds are the operating system's.
CREATE VIEW noise AS
SELECT c.label AS device, a.tag, v.video, t.repetition, t.n_steady, t.latency_spread, t.latency_drift,
       CASE WHEN a.model <> 'stub' THEN t.latency_spread > 0.10 OR abs(t.latency_drift) > 0.05 END AS noisy,
       t.throttled, t.warmup_frames, t.warmup_frames_ms, t.warmup_converged, t.trial_id
FROM done t
JOIN variant a USING (variant_id)
JOIN video v USING (video_id)
JOIN device_class c ON c.device_class_id = t.device_class_id
ORDER BY c.label, a.tag, v.video, t.repetition;

-- Memory of each trial, 2^20 bytes: the measured peak, what it was expected to be, and estimate over peak.
CREATE VIEW memory AS
SELECT c.label AS device, a.tag, v.video, t.repetition, t.n_objects, t.max_batch, t.oom_retries, t.unified,
       t.peak_device_bytes / 1048576.0 AS peak_device_mib, t.estimate_device_bytes / 1048576.0 AS estimate_device_mib,
       1.0 * t.estimate_device_bytes / t.peak_device_bytes AS device_ratio,
       t.peak_rss_bytes / 1048576.0 AS peak_rss_mib, t.estimate_rss_bytes / 1048576.0 AS estimate_rss_mib,
       1.0 * t.estimate_rss_bytes / t.peak_rss_bytes AS rss_ratio, t.trial_id
FROM done t
JOIN variant a USING (variant_id)
JOIN video v USING (video_id)
JOIN device_class c ON c.device_class_id = t.device_class_id
ORDER BY c.label, a.tag, v.video, t.repetition;

-- Which attention kernel ran at each site, and where it was not flash, why.
CREATE VIEW attention_proof AS
SELECT c.label AS device, a.tag, a.model, a.dtype, t.site, t.dtype AS site_dtype, t.backend, t.op, t.reason,
       max(t.q_len) AS q_len, max(t.k_len) AS k_len, max(t.head_dim) AS head_dim, sum(t.calls) AS calls,
       count(DISTINCT t.trial_id) AS n_trials
FROM attention t
JOIN done r USING (trial_id)
JOIN variant a USING (variant_id)
JOIN device_class c USING (device_class_id)
GROUP BY c.label, a.tag, t.site, t.dtype, t.backend, t.op, t.reason
ORDER BY c.label, a.tag, t.site, t.backend;

-- What was not measured: videos that cannot be used, and trials that failed, with the last attempt at each.
CREATE VIEW failures AS
SELECT 'video' AS what, video, NULL AS tag, NULL AS repetition, 'unusable' AS status, 'EFORMAT' AS code, error AS reason,
       NULL AS host, NULL AS device, 0 AS n_attempts, NULL AS last_outcome, NULL AS last_stage, NULL AS last_frame
FROM video
WHERE error IS NOT NULL
UNION ALL
SELECT 'trial', v.video, a.tag, t.repetition, t.status, t.code, t.reason, t.failed_host, t.failed_device,
       (SELECT count(*) FROM attempt m
        WHERE m.video_id = t.video_id AND m.variant_id = t.variant_id AND m.repetition = t.repetition),
       m.outcome, m.last_stage, m.last_frame
FROM trial t
JOIN video v USING (video_id)
JOIN variant a USING (variant_id)
LEFT JOIN attempt m ON m.attempt_id = (SELECT max(n.attempt_id) FROM attempt n
                                       WHERE n.video_id = t.video_id AND n.variant_id = t.variant_id
                                         AND n.repetition = t.repetition)
WHERE t.status <> 'done'
ORDER BY 1 DESC, 2, 3, 4;

-- J&F against frames per second, within a kind of device, a prompt and a mode: on_front 1 where no other variant is at
-- least as good in both and better in one. A variant that lacks more videos beats none that lacks fewer.
CREATE VIEW pareto AS
SELECT l.device, l.prompt, l.mode, l.model, l.image_size, l.dtype, l.bank_dtype, l.jf, l.fps, l.missing_videos,
       count(o.tag) = 0 AS on_front, min(o.tag) AS beaten_by, l.tag
FROM leaderboard l
LEFT JOIN leaderboard o ON o.device = l.device AND o.prompt = l.prompt AND o.mode = l.mode AND o.jf >= l.jf AND o.fps >= l.fps
                       AND (o.jf > l.jf OR o.fps > l.fps) AND o.missing_videos <= l.missing_videos
GROUP BY l.device, l.prompt, l.mode, l.tag
ORDER BY l.device, l.prompt, l.mode, l.fps DESC, l.tag;
