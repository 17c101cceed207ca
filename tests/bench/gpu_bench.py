#!/usr/bin/env python3
"""savbench on a GPU beside the official Python and the device's ceilings; scripts/gpu_bench.sh starts it.

  gpu_bench.py --savbench FILE --out DIR [--upstream DIR] [--libs DIR] [--models LIST] [--dtypes LIST]
               [--official-dtypes LIST] [--frames 200] [--compile-limit SECONDS] [--only PART,...]

Parts, in the order in which they run; the first six when --only is not given, official ones only with --upstream:
  ceilings   what the device gives (ceilings.py)
  ours       `savbench run`, stream, one object: every model and dtype; float32 and tf32 on a third of the frames
  offline    the same in offline mode, half dtypes, where this savbench has the mode
  objects    16 objects in one video: edgetam and sam2.1_t in bfloat16
  official   the official predictor, eager
  queue      `savbench track` in bfloat16: host time to queue a frame; of the first model also with its kernels launched one by one
  profile    `savbench run` in bfloat16 with kernel_times.so: kernels, and the device's idle share
  compiled   the official predictor by torch.compile, bfloat16; a model that is not done in --compile-limit is stopped

The clip is a bundled one, 848x480, there and back again; all with a point prompt and seeded weights. --device cpu --size 256 tries the
script where there is no GPU; what the work of a frame is, is known at 1024 alone. DIR/bench.json
holds everything, DIR/bench.md the tables; parts that ran before in DIR are kept. Exit code: 0 all parts ran, 1 one did not.
"""
import argparse
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import gpu_tables
from looped import make_split

HERE = os.path.dirname(os.path.abspath(__file__))
CLIP, POINT, N_OBJECTS, WARM = "shapes_000003", "424,240", 16, 24
REPOS = {"edgetam": "edgetam_repo", "sam2": "sam2_repo"}


class Bench:
    def __init__(self, a, work):
        self.a, self.work, self.failed = a, work, []
        self.models, self.dtypes = a.models.split(","), a.dtypes.split(",")
        self.path = os.path.join(a.out, "bench.json")
        self.found = {}
        if os.path.exists(self.path):
            with open(self.path) as f:
                self.found = json.load(f)

    def say(self, text):
        print(text, flush=True)

    def call(self, command, limit=None, env=None):
        """Standard output, or None where it failed; what it said is in bench.log."""
        begin = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                              env={**os.environ, **(env or {})}, start_new_session=True) as process:
            try:
                out, said = process.communicate(timeout=limit)
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # what compiles in its children too
                out, said = process.communicate()
                code = f"none: stopped after {limit} s"
            except BaseException:  # Ctrl-C, TERM: nothing is left running
                os.killpg(process.pid, signal.SIGKILL)
                raise
        with open(os.path.join(self.a.out, "bench.log"), "a") as f:
            f.write(f"$ {' '.join(command)}\n{out[-4000:]}{said[-6000:]}\n[exit {code}, {time.monotonic() - begin:.1f} s]\n\n")
        return out if code == 0 else None

    def split(self, n, copies=1):
        root = os.path.join(self.work, f"split{n}x{copies}")
        if not os.path.exists(root):
            make_split(root, n, CLIP, copies)
        return root

    def half(self):
        return [d for d in self.dtypes if d.endswith("16")]

    def run(self, name, models, dtypes, frames, *more, copies=1, env=None):
        """Rows of one `savbench run`."""
        out = os.path.join(self.work, name)
        done = self.call([self.a.savbench, "run", "--split-dir", self.split(frames, copies), "--models", ",".join(models), "--prompts", "point",
                          "--image-size", str(self.a.size), "--checkpoint", "seed:1", "--dtype", ",".join(dtypes), "--device", self.a.device, "--workers", "1",
                          "--out-dir", out, "--quiet", *more], env=env)
        if done is None:
            self.failed.append(name)
        return trials(os.path.join(out, "summary.db")) if os.path.exists(os.path.join(out, "summary.db")) else []

    def ours(self):
        rows, full = [], [d for d in self.dtypes if not d.endswith("16")]
        for name, dtypes, frames in (("half", self.half(), self.a.frames), ("full", full, max(WARM + 8, self.a.frames // 3))):
            if dtypes:
                rows += self.run("ours-" + name, self.models, dtypes, frames)
        return rows

    def offline(self):
        help_ = re.search(r"--mode .*?(?=\n *--)", self.call([self.a.savbench, "run", "--help"]) or "", re.S)
        if not help_ or "offline" not in help_[0]:
            self.say("  this savbench has no offline mode")
            return []
        return self.run("offline", self.models, self.half() or self.dtypes, self.a.frames, "--mode", "offline")

    def objects(self):
        models = [m for m in ("edgetam", "sam2.1_t") if m in self.models]
        return self.run("objects", models, ["bfloat16"], max(WARM + 24, self.a.frames // 3), copies=N_OBJECTS) if models else []

    def upstream(self, name, models, dtypes, *more, limit=None):
        rows = []
        repo = os.path.join(self.a.upstream, REPOS[name])
        cases = ",".join(f"{m}:{self.a.size}:{d}" for m in models for d in dtypes)
        frames = os.path.join(self.split(self.a.frames), "JPEGImages_24fps", "looped")
        out = self.call([sys.executable, os.path.join(HERE, "upstream.py"), "--repo", repo, "--frames", frames, "--cases", cases, "--device", self.a.device,
                         "--point", POINT, "--limit", str(self.a.official_frames), "--warm", str(min(WARM, self.a.official_frames)), *more], limit)
        for line in (out or "").splitlines():
            if line.startswith("{"):
                rows.append(json.loads(line))
        for row in rows or [{"case": cases, "compiled": "--compiled" in more, "error": f"not done in {limit} s" if limit and out is None else "did not run; see bench.log"}]:
            if "error" in row:
                self.say(f"  {row['case']}: {row['error'].splitlines()[0]}")
                rows = rows or [row]
        return rows

    def by_repo(self):
        families = {"edgetam": [m for m in self.models if m == "edgetam"], "sam2": [m for m in self.models if m.startswith("sam2")]}
        return [(name, models) for name, models in families.items() if models]

    def official(self):
        return [row for name, models in self.by_repo() for row in self.upstream(name, models, self.a.official_dtypes.split(","))]

    def compiled(self):
        return [row for name, models in self.by_repo() for m in models
                for row in self.upstream(name, [m], ["bfloat16"], "--compiled", limit=self.a.compile_limit)]

    def track(self, model, *more):
        """{latency_ms, queued_ms} of `savbench track`, or None."""
        folder = os.path.join(self.split(3 * WARM), "JPEGImages_24fps", "looped")
        text = self.call([self.a.savbench, "track", "--model", model, "--checkpoint", "seed:1", "--frames", folder, "--object", f"1:point:{POINT},1",
                          "--image-size", str(self.a.size), "--dtype", "bfloat16", "--device", self.a.device, *more])
        found = re.search(r"latency median ([0-9.]+) ms(?:.*queued in ([0-9.]+) ms)?", text or "")
        if not found:
            self.failed.append(f"queue {model}")
        return found and {"latency_ms": float(found[1]), "queued_ms": found[2] and float(found[2])}

    def queue(self):
        rows = [{"model": m, "dtype": "bfloat16", "graphs": self.track(m)} for m in self.models]
        rows[0]["one_by_one"] = self.track(self.models[0], "--eager")
        return rows

    def profile(self):
        rows, witness = [], os.path.join(self.a.libs or os.path.dirname(os.path.abspath(self.a.savbench)), "kernel_times.so")
        for m in self.models:
            row = {"model": m, "dtype": "bfloat16"}
            for how in ("nodes", "whole"):
                name = f"profile-{m}-{how}"
                trace, table = (os.path.join(self.work, f"{name}.{ext}") for ext in ("txt", "json"))
                self.run(name, [m], ["bfloat16"], 4 * WARM, env={"CUDA_INJECTION64_PATH": witness, "VB_KERNEL_TIMES": trace, "VB_KERNEL_GRAPHS": how})
                if not os.path.exists(trace) or self.call([sys.executable, os.path.join(HERE, "..", "gpu", "kernel_times.py"), trace, "--frames",
                                                           str(2 * WARM), "--json", table]) is None:
                    self.failed.append(name)
                    continue
                with open(table) as f:
                    row[how] = json.load(f)
                row[how]["kernels"] = row[how]["kernels"][:60]
            rows.append(row)
        return rows

    def ceilings(self):
        return json.loads((self.call([sys.executable, os.path.join(HERE, "ceilings.py")]) or "null").splitlines()[-1])

    def part(self, name):
        self.say(f"{name} ...")
        begin = time.monotonic()
        result = getattr(self, name)()
        if result:
            self.found[name] = result
        elif name != "offline":
            self.failed.append(name)
        self.found["size"] = self.a.size
        self.found.setdefault("seconds", {})[name] = round(time.monotonic() - begin, 1)
        self.say(f"  {self.found['seconds'][name]} s")
        with open(self.path, "w") as f:
            json.dump(self.found, f, indent=1)
        with open(os.path.join(self.a.out, "bench.md"), "w") as f:
            f.write(gpu_tables.all_tables(self.found))


def trials(path):
    """A row per done trial: what gpu_tables.py needs."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        rows = [dict(r) for r in db.execute(
            "SELECT t.trial_id, v.model, v.dtype, v.mode, t.n_frames, t.n_objects, t.n_timed, t.fps, t.wall_ms, t.warmup_ms, t.peak_device_bytes,"
            " t.power_mean_w, t.gpu_clock_mhz, t.throttled FROM trial t JOIN variant v USING (variant_id) WHERE t.status = 'done'")]
        for r in rows:
            r["stage_ms"] = {stage: ms for stage, ms in db.execute("SELECT stage, median_ms FROM trial_stage WHERE trial_id = ?", (r["trial_id"],))}
            r["latency_ms"] = r["stage_ms"].pop("latency", None)
            r["pipeline_fps"] = 1000 * r["n_frames"] / r["wall_ms"]
            del r["trial_id"]
        for video, reason in db.execute("SELECT tag, reason FROM record WHERE status <> 'done'"):
            print(f"  {video}: {reason}", flush=True)
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--savbench", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--upstream", help="folder with checkouts sam2_repo and edgetam_repo")
    p.add_argument("--libs", help="folder of kernel_times.so (default: beside savbench)")
    p.add_argument("--models", default="edgetam,sam2.1_t,sam2.1_s,sam2.1_b+,sam2.1_l")
    p.add_argument("--dtypes", default="bfloat16,float16,tf32,float32")
    p.add_argument("--official-dtypes", default="bfloat16,tf32")
    p.add_argument("--frames", type=int, default=200)
    p.add_argument("--size", type=int, default=1024)
    p.add_argument("--device", default="cuda")
    p.add_argument("--official-frames", type=int, default=48)
    p.add_argument("--compile-limit", type=int, default=240)
    p.add_argument("--only")
    a = p.parse_args()
    parts = ["ceilings", "ours", "offline", "objects", "official", "queue", "profile", "compiled"]
    wanted = a.only.split(",") if a.only else parts[:6]
    if set(wanted) - set(parts):
        p.error(f"--only: {', '.join(sorted(set(wanted) - set(parts)))}: there are {', '.join(parts)}")
    os.makedirs(a.out, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(a, work)
        for part in parts:
            if part in wanted and (a.upstream or part not in ("official", "compiled")):
                bench.part(part)
    print(gpu_tables.all_tables(bench.found, brief=True))
    for f in bench.failed:
        print(f"FAILED: {f}; see {os.path.join(a.out, 'bench.log')}")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
