#!/usr/bin/env python3
"""A model on a CPU: `savbench track` beside the official Python, turn by turn on the same machine.

  cpu_bench.py --savbench build/release/savbench [--model edgetam --checkpoint FILE]
               [--upstream DIR --python PYTHON] [--sizes 512,1024]
               [--dtypes float32,bfloat16] [--threads 2] [--rounds 3] [--limit 12] [--out FILE.jsonl]

--upstream is a checkout of EdgeTAM, or of SAM 2 for the models sam2*, --python one with torch, timm, numpy, pillow and
pyyaml; without it only savbench is timed. The two take turns, so that a machine that slows down slows both; the figure is the least of the rounds' medians:
other work on the machine only ever adds. Loading and decoding are outside on both sides, the first frame too; savbench's time includes the
resize to the network's size, the official code's does not (it resizes while it loads).
"""
import argparse
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "data")
FRAMES = os.path.join(DATA, "JPEGImages_24fps", "shapes_000003")
DEMO_CHECKPOINT = os.path.join(DATA, "edgetam_shapes.pt")
POINT = "424,240"


def output_of(command):
    r = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if r.returncode:
        sys.exit(f"exit code {r.returncode} from {' '.join(command)}\n{r.stdout[-1000:]}{r.stderr[-2000:]}")
    return r.stdout


def ours(a, size, dtype):
    text = output_of([a.savbench, "track", "--model", a.model, "--checkpoint", a.checkpoint, "--frames", FRAMES,
                      "--object", f"1:point:{POINT},1", "--image-size", str(size), "--dtype", dtype, "--device", "cpu",
                      "--threads", str(a.threads), "--limit-frames", str(a.limit)])
    found = re.search(r"^track: .*latency median ([0-9.]+) ms", text, re.M)
    if not found:
        sys.exit("no median in the output of savbench track:\n" + text[-1000:])
    return float(found[1]) / 1000


def theirs(a, size, dtype):
    return json.loads(output_of([a.python, os.path.join(HERE, "upstream.py"), "--repo", a.upstream, "--model", a.model, "--frames", FRAMES,
                                 "--checkpoint", a.checkpoint, "--size", str(size), "--dtype", dtype, "--threads",
                                 str(a.threads), "--limit", str(a.limit), "--point", POINT]).splitlines()[-1])["median_s"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--savbench", required=True)
    p.add_argument("--model", default="edgetam")
    p.add_argument("--checkpoint", default=DEMO_CHECKPOINT, help="of the model; the project's demo weights by default")
    p.add_argument("--upstream", help="checkout of the official code")
    p.add_argument("--python", default=sys.executable, help="interpreter for the official code")
    p.add_argument("--sizes", default="512,1024")
    p.add_argument("--dtypes", default="float32,bfloat16")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--limit", type=int, default=12, help="frames of the clip")
    p.add_argument("--out", help="one line of JSON per row, appended")
    a = p.parse_args()
    print(f"{a.model}, CPU, {a.threads} threads, 1 object, {a.limit} frames; seconds per frame: a round's median, least of {a.rounds} rounds")
    print(f"{'size':>5} {'dtype':<9} {'savbench':>9} {'official':>9} {'times':>6}")
    for size in map(int, a.sizes.split(",")):
        for dtype in a.dtypes.split(","):
            mine, other = [], []
            for _ in range(a.rounds):
                if a.upstream:
                    other.append(theirs(a, size, dtype))
                mine.append(ours(a, size, dtype))
            m, o = min(mine), min(other) if other else None
            print(f"{size:>5} {dtype:<9} {m:>9.3f} " + (f"{o:>9.3f} {o / m:>6.2f}" if o else f"{'-':>9} {'-':>6}"), flush=True)
            if a.out:
                with open(a.out, "a") as f:
                    f.write(json.dumps({"model": a.model, "size": size, "dtype": dtype, "threads": a.threads, "savbench_s": mine, "official_s": other}) + "\n")


if __name__ == "__main__":
    main()
