#!/usr/bin/env python3
"""Memory does not grow with the length of a video: the same clip, looped to 200 and to 2000 frames.

  flat_memory.py --savbench build/release/savbench [--model M] [--dtype D] [--device DEVICE] [--frames 200,2000] [--size 256]
                 [--slack-mib 4] [--threads N]

Each length is a run of its own, so that the engines' peaks are those of one video. Peak device memory must not be greater;
the engine's peak resident memory may grow by the rows of the result (a few hundred bytes per frame) and the slack,
which is the allocator's. Telemetry, which grows with time, is off. Exit code: 0 flat, 1 not, 3 savbench failed.
"""
import argparse
import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile

from looped import DATA, make_split

CLIP = "shapes_000004"
ROW_BYTES = 1024  # of a result, per frame: the row, its scores, and their growth by doubling


def peaks(a, n, work):
    split, out = os.path.join(work, f"split{n}"), os.path.join(work, f"out{n}")
    make_split(split, n, CLIP)
    c = [os.path.abspath(a.savbench), "run", "--split-dir", split, "--models", a.model, "--prompts", "mask", "--image-size", str(a.size),
         "--checkpoint", os.path.join(DATA, "edgetam_shapes.pt") if a.model == "edgetam" else "seed:1", "--dtype", a.dtype, "--device", a.device, "--workers", "1",
         "--save-masks", "none", "--telemetry-hz", "0", "--out-dir", out, "--quiet"] + (["--threads", str(a.threads)] if a.threads else [])
    r = subprocess.run(c, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if r.returncode:
        print(f"savbench exited {r.returncode}\n  {shlex.join(c)}\n{r.stdout[-2000:]}{r.stderr[-2000:]}")
        sys.exit(3)
    with sqlite3.connect(f"file:{os.path.join(out, 'summary.db')}?mode=ro", uri=True) as db:
        return db.execute("SELECT peak_device_bytes, peak_rss_bytes, fps FROM trial").fetchone()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--savbench", required=True)
    p.add_argument("--model", default="edgetam", help="other models take seeded weights")
    p.add_argument("--dtype", default="float32")
    p.add_argument("--device", default="auto")
    p.add_argument("--frames", default="200,2000")
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--slack-mib", type=float, default=4)
    p.add_argument("--threads", type=int, default=0)
    a = p.parse_args()
    short, long = map(int, a.frames.split(","))
    with tempfile.TemporaryDirectory() as work:
        (device0, rss0, fps0), (device1, rss1, fps1) = peaks(a, short, work), peaks(a, long, work)
    bad = []
    for n, device, rss, fps in ((short, device0, rss0, fps0), (long, device1, rss1, fps1)):
        print(f"{n:>6} frames: peak device memory {device / 2**20 if device else 0:.1f} MiB, peak resident memory {rss / 2**20:.1f} MiB, {fps:.1f} frames/s")
    if (device1 or 0) > (device0 or 0):
        bad.append(f"device memory grew by {((device1 or 0) - (device0 or 0)) / 2**20:.2f} MiB")
    allowed = (long - short) * ROW_BYTES + a.slack_mib * 2**20
    if rss1 - rss0 > allowed:
        bad.append(f"resident memory grew by {(rss1 - rss0) / 2**20:.2f} MiB; {allowed / 2**20:.2f} MiB is what rows and slack explain")
    print("FAIL " + "; ".join(bad) if bad else "ok   flat")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
