-- Schema 1 of summary.db: what was measured (base tables, written with each record) and what `finalize` makes of it
-- (derived tables). Numbers are defined in METRICS.md; the views over them are in views.sql.
-- Until the first release columns are added within version 1; results/schema.c refuses a database that has others.
-- J, F and J&F are 0..1; times are milliseconds; NULL means: not measured, or not told by the device.

CREATE TABLE store (
  one          INTEGER PRIMARY KEY CHECK (one = 1),
  epoch        INTEGER NOT NULL, -- one more with each process that writes; an older one's writes are refused
  views_sha256 TEXT NOT NULL,    -- of the views.sql that the views were made from
  derived_key  TEXT,             -- hash of the records that the derived tables were made from; NULL: not made
  results_sha256 TEXT            -- of the results.h5 that was made with them: no other one is given to HDF5 to read
) STRICT;
INSERT INTO store VALUES (1, 0, '', NULL, NULL);

-- One start of the coordinator.
CREATE TABLE run (
  run_id      TEXT PRIMARY KEY,
  epoch       INTEGER,
  started_utc TEXT,
  ended_utc   TEXT, -- NULL: it goes on, or was cut off
  how         TEXT, -- 'done', 'failed', 'drained'
  argv        TEXT,
  options     TEXT  -- JSON, every option by its canonical name
) STRICT;

CREATE TABLE host (
  host_id INTEGER PRIMARY KEY,
  host    TEXT NOT NULL,
  arch    TEXT NOT NULL,
  UNIQUE (host, arch)
) STRICT;

-- A kind of device: what results are grouped by. Power mode is part of it, and on a CPU the number of threads.
CREATE TABLE device_class (
  device_class_id INTEGER PRIMARY KEY,
  device_kind     TEXT NOT NULL, -- 'cpu', 'cuda'
  device          TEXT NOT NULL,
  capability      TEXT NOT NULL,
  power_mode      TEXT NOT NULL,
  threads         INTEGER NOT NULL, -- 0 where it does not matter
  label           TEXT NOT NULL GENERATED ALWAYS AS (
                    CASE WHEN device <> '' THEN device WHEN device_kind <> '' THEN device_kind ELSE 'unknown device' END
                           || CASE WHEN power_mode <> '' THEN ', ' || power_mode ELSE '' END
                           || CASE WHEN threads > 0 THEN ', ' || threads || CASE threads WHEN 1 THEN ' thread' ELSE ' threads' END
                                   ELSE '' END) STORED,
  UNIQUE (device_kind, device, capability, power_mode, threads)
) STRICT;

-- One physical device: what comparisons are paired on.
CREATE TABLE device (
  device_id       INTEGER PRIMARY KEY,
  host_id         INTEGER NOT NULL REFERENCES host,
  device_class_id INTEGER NOT NULL REFERENCES device_class,
  device_uuid     TEXT NOT NULL,
  UNIQUE (host_id, device_class_id, device_uuid)
) STRICT;

CREATE TABLE variant (
  variant_id INTEGER PRIMARY KEY,
  tag        TEXT NOT NULL UNIQUE,
  model      TEXT NOT NULL,
  prompt     TEXT NOT NULL,
  image_size INTEGER NOT NULL,
  dtype      TEXT NOT NULL,
  bank_dtype TEXT NOT NULL,
  mode       TEXT NOT NULL
) STRICT;

CREATE TABLE video (
  video_id  INTEGER PRIMARY KEY,
  video     TEXT NOT NULL UNIQUE,
  h         INTEGER, -- pixels
  w         INTEGER,
  n_frames  INTEGER,
  n_objects INTEGER,
  error     TEXT     -- why it cannot be used; NULL: it can
) STRICT;

CREATE TABLE object (
  object_id INTEGER PRIMARY KEY,
  video_id  INTEGER NOT NULL REFERENCES video,
  obj_id    TEXT NOT NULL,
  UNIQUE (video_id, obj_id)
) STRICT;

-- What a trial ran with, by the names of the shard's attributes.
CREATE TABLE provenance (
  provenance_id     INTEGER PRIMARY KEY,
  savbench_version  TEXT NOT NULL,
  git_revision      TEXT NOT NULL,
  torch             TEXT NOT NULL,
  cuda              TEXT NOT NULL,
  driver            TEXT NOT NULL,
  checkpoint        TEXT NOT NULL,
  checkpoint_sha256 TEXT NOT NULL, -- of seeded weights 'seed:N'; '': the model has none
  postprocess       TEXT NOT NULL, -- what filled holes and removed sprinkles: 'cuda', 'cpu', 'off'
  point_rule        TEXT NOT NULL,
  options           TEXT NOT NULL,
  deviation         TEXT NOT NULL,
  UNIQUE (savbench_version, git_revision, torch, cuda, driver, checkpoint, checkpoint_sha256, postprocess, point_rule,
          options, deviation)
) STRICT;

CREATE TABLE trial (
  trial_id          INTEGER PRIMARY KEY,
  video_id          INTEGER NOT NULL REFERENCES video,
  variant_id        INTEGER NOT NULL REFERENCES variant,
  repetition        INTEGER NOT NULL,
  status            TEXT NOT NULL CHECK (status IN ('done', 'failed', 'quarantined')),
  epoch             INTEGER NOT NULL,
  recorded_utc      TEXT NOT NULL,
  -- a failed trial
  code              TEXT,
  reason            TEXT,
  failed_host       TEXT,
  failed_device     TEXT,
  -- a done trial
  run_id            TEXT REFERENCES run,
  device_id         INTEGER REFERENCES device,
  provenance_id     INTEGER REFERENCES provenance,
  started_utc       TEXT,
  shard             TEXT UNIQUE, -- path in the output folder
  shard_sha256      TEXT,
  shard_bytes       INTEGER,
  n_frames          INTEGER,
  n_objects         INTEGER,
  n_scored          INTEGER,     -- objects that enter j, f, jf
  j                 REAL,
  f                 REAL,
  jf                REAL,
  n_timed           INTEGER,     -- frames that enter times and FPS
  timed_ms          REAL,        -- fps = 1000 n_timed / timed_ms
  fps               REAL,
  wall_ms           REAL,
  warmup_ms         REAL,        -- loading, casting and warm-up frames
  warmup_frames_ms  REAL,        -- of it, the frames
  warmup_frames     INTEGER,
  warmup_converged  INTEGER,     -- 1: until times fell no more; 0: a bound ended it before; NULL: a fixed number of frames
  n_steady          INTEGER,     -- frames with the same work: what latency_spread and latency_drift are of
  latency_spread    REAL,        -- interquartile range over median
  latency_drift     REAL,        -- last third less first third, over median
  peak_device_bytes INTEGER,
  peak_rss_bytes    INTEGER,
  weights_bytes     INTEGER,
  estimate_device_bytes INTEGER, -- of peak_device_bytes, made before the trial; NULL: on a CPU
  estimate_rss_bytes    INTEGER, -- of peak_rss_bytes
  max_batch         INTEGER,     -- objects in one pass at most, as it ran
  oom_retries       INTEGER,     -- tries before this one that ran out of memory, each with twice the max_batch
  energy_j          REAL,        -- of power_source, from the first frame's start to the last frame's end
  idle_j            REAL,        -- its part that the device takes with nothing to do
  power_mean_w      REAL,
  power_max_w       REAL,
  temperature_max_c REAL,
  gpu_clock_mhz     REAL,        -- mean
  rss_bytes_per_frame REAL,      -- growth of the engine's resident memory
  power_source      TEXT,        -- 'nvml', the rails of a board, 'rapl ...'
  throttled         INTEGER,     -- 1: heat, supply or the board held a clock down
  throttle_reasons  TEXT,
  throttle_repeats  INTEGER,     -- throttled tries before this one (--on-throttle repeat)
  unified           INTEGER,     -- 1: device and host share one memory
  clicks            INTEGER,     -- per object of a point prompt; 0: box or mask
  holes_filled      INTEGER,     -- pixels; NULL: off
  sprinkles_removed INTEGER,     -- likewise
  nonfinite         INTEGER,     -- NaN and Inf among mask logits
  order_in_block    INTEGER,
  threads           INTEGER,
  UNIQUE (video_id, variant_id, repetition),
  CHECK (status <> 'done' OR (shard IS NOT NULL AND shard_sha256 IS NOT NULL AND device_id IS NOT NULL))
) STRICT;
CREATE INDEX trial_by_variant ON trial (variant_id, device_id);

CREATE TABLE trial_object (
  trial_id     INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  object_id    INTEGER NOT NULL REFERENCES object,
  prompt_frame INTEGER NOT NULL,
  prompt       TEXT NOT NULL,
  n_counted    INTEGER NOT NULL, -- frames in the means; 0: the object has no j, f, jf
  j            REAL,
  f            REAL,
  jf           REAL,
  PRIMARY KEY (trial_id, object_id)
) STRICT, WITHOUT ROWID;

-- Times of a trial's frames by stage; stage 'latency' is the whole frame.
CREATE TABLE trial_stage (
  trial_id  INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  stage     TEXT NOT NULL,
  n         INTEGER NOT NULL,
  mean_ms   REAL,
  median_ms REAL, -- this and the percentiles: NULL when n is too small for them
  p95_ms    REAL,
  p99_ms    REAL,
  max_ms    REAL,
  PRIMARY KEY (trial_id, stage)
) STRICT, WITHOUT ROWID;

-- Attention sites as they ran.
CREATE TABLE attention (
  attention_id INTEGER PRIMARY KEY,
  trial_id     INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  site         TEXT NOT NULL,
  dtype        TEXT NOT NULL,
  backend      TEXT NOT NULL,
  op           TEXT NOT NULL,
  reason       TEXT NOT NULL, -- why it was not flash
  batch        INTEGER NOT NULL,
  heads        INTEGER NOT NULL,
  q_len        INTEGER NOT NULL,
  k_len        INTEGER NOT NULL,
  head_dim     INTEGER NOT NULL,
  calls        INTEGER NOT NULL
) STRICT;
CREATE INDEX attention_by_trial ON attention (trial_id);

-- Every time that a trial was begun, whatever came of it.
CREATE TABLE attempt (
  attempt_id  INTEGER PRIMARY KEY,
  video_id    INTEGER NOT NULL REFERENCES video,
  variant_id  INTEGER NOT NULL REFERENCES variant,
  repetition  INTEGER NOT NULL,
  run_id      TEXT REFERENCES run,
  epoch       INTEGER NOT NULL,
  ended_utc   TEXT NOT NULL,
  host        TEXT NOT NULL,
  device      TEXT NOT NULL,
  outcome     TEXT NOT NULL,    -- 'done', 'adopted', 'error', 'bad_input', 'too_large', 'oom_host', 'oom_device', 'cuda',
                                -- 'signal', 'exit', 'hang', 'refused', 'no_start'
  detail      TEXT NOT NULL,
  signal      INTEGER,
  exit_code   INTEGER,
  last_frame  INTEGER,
  last_stage  TEXT,
  duration_ms REAL NOT NULL,
  log         TEXT NOT NULL DEFAULT '', -- the last that the engine printed
  counts      INTEGER NOT NULL DEFAULT 0 -- 1: towards the trial's quarantine; --retry-failed sets it to 0
) STRICT;
CREATE INDEX attempt_by_trial ON attempt (video_id, variant_id, repetition);

-- Derived by `finalize`.

-- A trial beside its float32 sibling: same video, setup, bank, mode, repetition, device and checkpoint.
CREATE TABLE trial_pair (
  trial_id          INTEGER PRIMARY KEY REFERENCES trial ON DELETE CASCADE,
  baseline_trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  jf_delta          REAL,
  n_masks           INTEGER NOT NULL, -- stored masks that both have
  mask_iou          REAL,             -- their mean IoU
  mask_iou_min      REAL
) STRICT;

-- As trial_stage, over the frames of all trials of a variant on a kind of device.
CREATE TABLE variant_stage (
  variant_id      INTEGER NOT NULL REFERENCES variant,
  device_class_id INTEGER NOT NULL REFERENCES device_class,
  stage           TEXT NOT NULL,
  n               INTEGER NOT NULL,
  mean_ms         REAL,
  median_ms       REAL,
  p95_ms          REAL,
  p99_ms          REAL,
  max_ms          REAL,
  PRIMARY KEY (variant_id, device_class_id, stage)
) STRICT, WITHOUT ROWID;

-- Mean paired difference to float32 of one metric, with its 95 % interval ('mask_iou': the agreement itself;
-- 'speedup': the geometric mean of the ratios).
CREATE TABLE comparison (
  variant_id      INTEGER NOT NULL REFERENCES variant,
  device_class_id INTEGER NOT NULL REFERENCES device_class,
  baseline_id     INTEGER NOT NULL REFERENCES variant,
  metric          TEXT NOT NULL,
  n_videos        INTEGER NOT NULL,
  n_units         INTEGER NOT NULL, -- objects for 'jf', 'j', 'f'; masks for 'mask_iou'; else videos
  estimate        REAL NOT NULL,
  low             REAL, -- NULL: fewer than two videos
  high            REAL,
  PRIMARY KEY (variant_id, device_class_id, metric)
) STRICT, WITHOUT ROWID;
