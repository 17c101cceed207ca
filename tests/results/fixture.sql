-- Two kinds of device (two boards of one, a workstation of the other), repeats, a failed sibling, a missing baseline, a
-- pair whose halves ran on two boards. Every number in expected/ can be worked out from this file by hand:
-- expected/README.md does it for the ones that are more than a mean.
INSERT INTO run (run_id, epoch, started_utc, how) VALUES ('r1', 1, '2026-01-31T12:00:00Z', 'done');
INSERT INTO host VALUES (1, 'nano1', 'aarch64'), (2, 'nano2', 'aarch64'), (3, 'ws1', 'x86_64');
INSERT INTO device_class (device_class_id, device_kind, device, capability, power_mode, threads)
  VALUES (1, 'cuda', 'Orin Nano', '8.7', 'MAXN', 0), (2, 'cpu', 'Xeon', 'avx512', '', 2);
INSERT INTO device VALUES (1, 1, 1, 'GPU-1'), (2, 2, 1, 'GPU-2'), (3, 3, 2, '');
INSERT INTO variant VALUES
  (1, 'edgetam/point/512/float32/bank-bfloat16/stream',    'edgetam',  'point', 512,  'float32',  'bfloat16', 'stream'),
  (2, 'edgetam/point/512/float16/bank-bfloat16/stream',    'edgetam',  'point', 512,  'float16',  'bfloat16', 'stream'),
  (3, 'edgetam/point/512/bfloat16/bank-bfloat16/stream',   'edgetam',  'point', 512,  'bfloat16', 'bfloat16', 'stream'),
  (4, 'sam2.1_t/point/1024/bfloat16/bank-bfloat16/stream', 'sam2.1_t', 'point', 1024, 'bfloat16', 'bfloat16', 'stream'),
  (5, 'edgetam/point/256/float32/bank-bfloat16/stream',    'edgetam',  'point', 256,  'float32',  'bfloat16', 'stream');
INSERT INTO video VALUES (1, 'v1', 480, 640, 40, 2, NULL), (2, 'v2', 480, 640, 40, 1, NULL), (3, 'v3', 480, 640, 40, 1, NULL),
  (4, 'v4', 480, 640, 40, 1, NULL), (5, 'v5', 480, 640, 40, 1, NULL), (6, 'bad', NULL, NULL, NULL, NULL, 'frame 00007.jpg is missing');
INSERT INTO object VALUES (1, 1, '000'), (2, 1, '001'), (3, 2, '000'), (4, 3, '000'), (5, 4, '000'), (6, 5, '000');
INSERT INTO provenance VALUES (1, '0.1.0', 'abc', '2.13.0', '13.0', '580', 'edgetam.pt', 'c0ffee', 'cpu', 'center', '', ''),
  (2, '0.1.0', 'abc', '2.13.0', '13.0', '580', 'sam2.1_hiera_tiny.pt', 'f00d', 'cpu', 'center', '', '');

-- trial, video, variant, repetition, device, provenance, timed frames, their ms, fps, device bytes, host bytes, joules
CREATE TEMP TABLE t (id, video, variant, repetition, device, provenance, n_timed, timed_ms, fps, device_bytes, rss_bytes, energy);
INSERT INTO t VALUES
  ( 1, 1, 1, 0, 1, 1, 40, 4000,  10, 419430400, 1048576000, 80),
  ( 2, 1, 1, 1, 1, 1, 40, 4000,  10, 419430400, 1048576000, 80),
  ( 3, 1, 3, 0, 1, 1, 40, 2000,  20, 314572800, 1048576000, 40),
  ( 4, 1, 3, 1, 1, 1, 40, 2000,  20, 314572800, 1153433600, 40),
  ( 5, 1, 2, 0, 1, 1, 40, 1600,  25, 314572800, 1048576000, NULL),
  ( 6, 2, 1, 0, 2, 1, 40, 3200, 12.5, 419430400, 1048576000, 60),
  ( 7, 2, 3, 0, 2, 1, 40, 3200, 12.5, 262144000, 1048576000, 60),
  ( 9, 3, 1, 0, 1, 1, 40, 4000,  10, 419430400, 1048576000, 80),
  (10, 3, 3, 0, 2, 1, 40, 2000,  20, 314572800, 1048576000, 40),
  (11, 1, 4, 0, 1, 2, 40, 8000,   5, 838860800, 2097152000, 160),
  (12, 4, 1, 0, 3, 1, 40, 40000,  1, NULL, 1048576000, NULL),
  (13, 4, 3, 0, 3, 1, 40, 80000, 0.5, NULL, 1048576000, NULL),
  (15, 5, 3, 0, 3, 1, 40, 80000, 0.5, NULL, 1048576000, NULL),
  (17, 1, 5, 0, 1, 1, 40, 2500, 16, 209715200, 1048576000, 50);
INSERT INTO trial (trial_id, video_id, variant_id, repetition, status, epoch, recorded_utc, run_id, device_id, provenance_id, shard,
    shard_sha256, shard_bytes, n_frames, n_objects, n_scored, n_timed, timed_ms, fps, peak_device_bytes, peak_rss_bytes, energy_j, nonfinite, clicks)
  SELECT id, video, variant, repetition, 'done', 1, '2026-01-31T13:00:00Z', 'r1', device, provenance, 'shards/' || id, 'hash' || id, 1000,
         40, 1, 1, n_timed, timed_ms, fps, device_bytes, rss_bytes, energy, id = 3, 1
  FROM t ORDER BY id;
INSERT INTO trial (trial_id, video_id, variant_id, repetition, status, epoch, recorded_utc, code, reason, failed_host, failed_device) VALUES
  ( 8, 2, 2, 0, 'failed',      1, '2026-01-31T13:00:00Z', 'ENOMEM', 'device memory: 512 MiB wanted', 'nano2', 'Orin Nano'),
  (14, 5, 1, 0, 'failed',      1, '2026-01-31T13:00:00Z', 'EMODEL', 'mask decoder stopped', 'ws1', 'cpu'),
  (16, 4, 2, 0, 'quarantined', 1, '2026-01-31T13:00:00Z', 'EIO',    'its engine died three times', 'ws1', NULL);
INSERT INTO attempt (video_id, variant_id, repetition, run_id, epoch, ended_utc, host, device, outcome, detail, signal, exit_code, last_frame,
    last_stage, duration_ms) VALUES
  (4, 2, 0, 'r1', 1, '2026-01-31T12:30:00Z', 'ws1', 'Xeon', 'signal', 'killed', 9, NULL, 3, 'encode', 1000),
  (4, 2, 0, 'r1', 1, '2026-01-31T12:31:00Z', 'ws1', 'Xeon', 'signal', 'killed', 9, NULL, 3, 'attend', 1000),
  (4, 2, 0, 'r1', 1, '2026-01-31T12:32:00Z', 'ws1', 'Xeon', 'exit', 'exit 70', NULL, 70, 5, 'memorize', 1000);

-- J&F of each object; J is 0.1 more, F 0.1 less.
CREATE TEMP TABLE o (trial, object, jf);
INSERT INTO o VALUES (1, 1, 0.80), (1, 2, 0.60), (2, 1, 0.82), (2, 2, 0.60), (3, 1, 0.79), (3, 2, 0.59), (4, 1, 0.79), (4, 2, 0.61),
  (5, 1, 0.80), (5, 2, 0.62), (6, 3, 0.50), (7, 3, 0.46), (9, 4, 0.70), (10, 4, 0.72), (11, 1, 0.85), (11, 2, 0.65), (12, 5, 0.40),
  (13, 5, 0.38), (15, 6, 0.52), (17, 1, 0.55), (17, 2, 0.45);
INSERT INTO trial_object SELECT trial, object, 0, 'point:1,2,1', 9, jf + 0.1, jf - 0.1, jf FROM o;

INSERT INTO trial_stage SELECT id, 'latency', n_timed, timed_ms / n_timed, timed_ms / n_timed - 10, timed_ms / n_timed + 20, NULL,
  timed_ms / n_timed + 30 FROM t;
INSERT INTO trial_pair VALUES (3, 1, -0.01, 4, 0.9, 0.7), (4, 2, -0.01, 4, 0.95, 0.9), (5, 1, 0.01, 4, 0.99, 0.98), (7, 6, -0.04, 2, 0.8, 0.6),
  (13, 12, -0.02, 2, 1.0, 1.0);
INSERT INTO variant_stage VALUES
  (1, 1, 'latency', 160, 95, 90, 120, 125, 130), (1, 1, 'encode', 160, 38, 36, 50, 52, 55), (1, 1, 'attend', 160, 47.5, 45, 60, 62, 65),
  (2, 1, 'latency', 40, 40, 30, 60, NULL, 70),
  (3, 1, 'latency', 160, 57.5, 50, 90, 95, 110), (3, 1, 'attend', 160, 23, 20, 30, 31, 33),
  (4, 1, 'latency', 40, 200, 190, 220, NULL, 230),
  (1, 2, 'latency', 40, 1000, 990, 1020, NULL, 1030), (3, 2, 'latency', 80, 2000, 1990, 2020, NULL, 2030);
INSERT INTO attention (trial_id, site, dtype, backend, op, reason, batch, heads, q_len, k_len, head_dim, calls) VALUES
  (3, 'memory.cross', 'bfloat16', 'flash', '_scaled_dot_product_flash_attention', '', 1, 1, 1024, 3600, 64, 80),
  (4, 'memory.cross', 'bfloat16', 'flash', '_scaled_dot_product_flash_attention', '', 1, 1, 1024, 3700, 64, 80),
  (4, 'decoder.self', 'bfloat16', 'math', '_scaled_dot_product_attention_math', 'head_dim 16 and 8 tokens: no kernel', 1, 8, 8, 8, 16, 160),
  (1, 'memory.cross', 'float32', 'efficient', '_scaled_dot_product_efficient_attention', 'flash takes half dtypes only', 1, 1, 1024, 3600, 64, 80);
-- Telemetry of three trials: the second one throttled, and its idle power not known.
UPDATE trial SET power_source = 'VDD_IN', idle_j = 20, power_mean_w = 8, power_max_w = 10, temperature_max_c = 60, gpu_clock_mhz = 600,
  throttled = 0, throttle_repeats = 0, unified = 1, rss_bytes_per_frame = 100 WHERE trial_id IN (1, 3);
UPDATE trial SET power_source = 'VDD_IN', power_mean_w = 9, power_max_w = 12, temperature_max_c = 70, gpu_clock_mhz = 500, throttled = 1,
  throttle_reasons = 'thermal', throttle_repeats = 1, unified = 1, rss_bytes_per_frame = 200 WHERE trial_id = 2;
-- Steadiness: at both limits, over one and over the other, and a trial too short to tell.
UPDATE trial SET n_steady = 40, latency_spread = 0.10, latency_drift = -0.05, warmup_frames = 60, warmup_frames_ms = 900, warmup_converged = 1 WHERE trial_id = 1;
UPDATE trial SET n_steady = 40, latency_spread = 0.11, latency_drift = 0.01, warmup_frames = 30, warmup_frames_ms = 30500, warmup_converged = 0 WHERE trial_id = 2;
UPDATE trial SET n_steady = 40, latency_spread = 0.02, latency_drift = -0.06, warmup_frames = 2, warmup_frames_ms = 100 WHERE trial_id = 3;
UPDATE trial SET n_steady = 5, warmup_frames = 2, warmup_frames_ms = 100 WHERE trial_id = 4;
-- Memory: estimates of three trials, one of which ran with a quarter of the objects that were asked for in a pass.
UPDATE trial SET estimate_device_bytes = 440401920, estimate_rss_bytes = 943718400, max_batch = 16, oom_retries = 0 WHERE trial_id = 1;
UPDATE trial SET estimate_device_bytes = 262144000, estimate_rss_bytes = 1048576000, max_batch = 4, oom_retries = 2 WHERE trial_id = 5;
UPDATE trial SET estimate_rss_bytes = 1153433600, max_batch = 1, oom_retries = 0 WHERE trial_id = 12;
DROP TABLE o;
DROP TABLE t;
