#!/usr/bin/env python3
"""What telemetry costs, and whether its two ways to joules agree: runs with it and without take turns.

  telemetry_cost.py --savbench build/release/savbench [--models edgetam,sam2.1_t] [--dtype bfloat16] [--hz 20] [--frames 600] [--size 1024]
                    [--device cuda] [--seconds 50] [--cost-percent 0.5] [--energy-percent 5]

A turn is a pair of `savbench run`, telemetry off and at --hz, in changing order; as many turns as --seconds allow, two at least. Per
model: the median over the runs of the trial's median frame time with each, and the median of the turns' changes with the
least and the greatest. Joules per frame: the difference of the counter, and power integrated over the same span (trapezoids
over the shard's samples by h5py; without it, mean power times the trial's duration, which counts a little more than the frames).
Processes choose their kernels of attention by measuring: a turn whose two runs chose differently compares those, and is marked.
Exit code: 0 within both limits, 1 not, 3 savbench failed.
"""
import argparse
import os
import shlex
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

from looped import make_split

try:
    import h5py
except ImportError:
    h5py = None

CLIP = "shapes_000003"


def run(a, split, out, hz):
    """{model: row} of one run."""
    c = [os.path.abspath(a.savbench), "run", "--split-dir", split, "--models", a.models, "--prompts", "point", "--image-size", str(a.size),
         "--checkpoint", "seed:1", "--dtype", a.dtype, "--device", a.device, "--workers", "1", "--save-masks", "none", "--telemetry-hz", str(hz),
         "--out-dir", out, "--quiet"]
    r = subprocess.run(c, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if r.returncode:
        print(f"savbench exited {r.returncode}\n  {shlex.join(c)}\n{r.stdout[-2000:]}{r.stderr[-2000:]}")
        sys.exit(3)
    with sqlite3.connect(f"file:{os.path.join(out, 'summary.db')}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        rows = {t["model"]: dict(t) for t in db.execute(
            "SELECT t.*, v.model, l.median_ms FROM trial t JOIN variant v USING (variant_id)"
            " JOIN trial_stage l ON l.trial_id = t.trial_id AND l.stage = 'latency' WHERE t.status = 'done'")}
        for row in rows.values():
            row["ways"] = sorted(map(tuple, db.execute("SELECT site, backend, op, q_len, k_len FROM attention WHERE trial_id = ?", (row["trial_id"],))))
            row["by_power_j"], row["samples"] = by_power(row, out)
    return rows


def by_power(row, out):
    """Joules of the trial's frames by integrating power, and the number of samples; None where no power is told."""
    if row["power_mean_w"] is None:
        return None, 0
    if not h5py:
        return row["power_mean_w"] * row["wall_ms"] / 1000, 0
    with h5py.File(os.path.join(out, row["shard"])) as f:
        begin, end = f["frames"]["start_ms"][0], f["frames"]["end_ms"][-1]
        points = [(t, w) for t, w in zip(f["telemetry"]["t_ms"], f["telemetry"]["power_w"]) if w == w]

    def at(t):
        below, above = [p for p in points if p[0] <= t] or points[:1], [p for p in points if p[0] > t] or points[-1:]
        (t0, w0), (t1, w1) = below[-1], above[0]
        return w0 if t1 <= t0 else w0 + (w1 - w0) * min(1, max(0, (t - t0) / (t1 - t0)))

    line = [(begin, at(begin))] + [p for p in points if begin < p[0] < end] + [(end, at(end))]
    return sum((w0 + w1) / 2 * (t1 - t0) for (t0, w0), (t1, w1) in zip(line, line[1:])) / 1000, len(points)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--savbench", required=True)
    p.add_argument("--models", default="edgetam,sam2.1_t")
    p.add_argument("--dtype", default="bfloat16")
    p.add_argument("--hz", type=int, default=20)
    p.add_argument("--frames", type=int, default=600)
    p.add_argument("--size", type=int, default=1024)
    p.add_argument("--device", default="cuda")
    p.add_argument("--seconds", type=float, default=50)
    p.add_argument("--cost-percent", type=float, default=0.5)
    p.add_argument("--energy-percent", type=float, default=5)
    a = p.parse_args()
    begin, longest, off, on = time.monotonic(), 0, [], []
    with tempfile.TemporaryDirectory() as work:
        split = os.path.join(work, "split")
        make_split(split, a.frames, CLIP)
        while len(on) < 2 or time.monotonic() - begin + longest < a.seconds:
            start = time.monotonic()
            for hz in (0, a.hz) if len(on) % 2 == 0 else (a.hz, 0):
                (on if hz else off).append(run(a, split, os.path.join(work, f"out{hz}-{len(on)}"), hz))
            longest = max(longest, time.monotonic() - start)
    bad = []
    print(f"telemetry at {a.hz} Hz against none: {a.dtype}, {a.size}, {a.frames} frames a trial, {len(on)} turns, {time.monotonic() - begin:.0f} s")
    print(f"{'model':<10} {'off ms':>8} {'on ms':>8} {'change':>8}  {'(turns)':<18} {'counter J':>9} {'power J':>9} {'differ':>7} {'samples':>7}  per frame, "
          + ("power integrated" if h5py else "power: mean x duration (no h5py)"))
    for model in on[0]:
        a_ms, b_ms = ([r[model]["median_ms"] for r in rows] for rows in (off, on))
        change = [100 * (y / x - 1) for x, y in zip(a_ms, b_ms)]
        line = f"{model:<10} {statistics.median(a_ms):8.3f} {statistics.median(b_ms):8.3f} {statistics.median(change):+7.2f}%  {f'({min(change):+.2f}..{max(change):+.2f})':<18}"
        if abs(statistics.median(change)) >= a.cost_percent:
            bad.append(f"{model}: {statistics.median(change):+.2f} % frame time, {a.cost_percent} allowed")
        rows = [r[model] for r in on if r[model]["energy_j"] is not None and r[model]["by_power_j"] is not None]
        if rows:
            counter, power = (statistics.mean(r[k] / r["n_frames"] for r in rows) for k in ("energy_j", "by_power_j"))
            differ = 100 * (power / counter - 1)
            line += f" {counter:9.4f} {power:9.4f} {differ:+6.2f}% {min(r['samples'] for r in rows):7}"
            if abs(differ) > a.energy_percent:
                bad.append(f"{model}: energies differ by {differ:+.2f} %, {a.energy_percent} allowed")
        else:
            line += "  energy not told here"
            bad += [f"{model}: no energy told"] if a.device != "cpu" else []
        other = sum(x[model]["ways"] != y[model]["ways"] for x, y in zip(off, on))
        throttled = sum(r[model]["throttled"] == 1 for r in on)
        print(line + (f"  {other} turns with other attention" if other else "") + (f"  {throttled} throttled" if throttled else ""))
    print("FAIL " + "; ".join(bad) if bad else "ok   within the limits")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
