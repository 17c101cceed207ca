#!/usr/bin/env python3
"""A model on a CPU: `savbench track` beside the official Python, turn by turn on the same machine.

  cpu_bench.py --savbench build/release/savbench [--model edgetam --checkpoint FILE]
               [--upstream DIR --python PYTHON] [--sizes 512,1024] [--dtypes float32,bfloat16]
               [--threads 2,1] [--amx on,off] [--rounds 3] [--limit 12] [--out FILE.json]

--upstream is a checkout of EdgeTAM, or of SAM 2 for the models sam2*, --python one with torch, timm, numpy, pillow and
pyyaml; without it only savbench is timed. The two take turns, so that a machine that slows down slows both; the figure is the least of the rounds' medians:
other work on the machine only ever adds. Loading and decoding are outside on both sides, the first frame too; savbench's time includes the
resize to the network's size, the official code's does not (it resizes while it loads).

--amx off holds oneDNN to what the processor has besides AMX (ONEDNN_MAX_CPU_ISA), on both sides; where there is no AMX the two are one.
"""
import argparse
import itertools
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


WITHOUT_AMX = "AVX512_CORE_FP16"  # oneDNN's name for the last step before it


def output_of(command, amx):
    env = dict(os.environ)
    if amx == "off":
        env["ONEDNN_MAX_CPU_ISA"] = WITHOUT_AMX
    r = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env)
    if r.returncode:
        sys.exit(f"exit code {r.returncode} from {' '.join(command)}\n{r.stdout[-1000:]}{r.stderr[-2000:]}")
    return r.stdout


def ours(a, size, dtype, threads, amx):
    text = output_of([a.savbench, "track", "--model", a.model, "--checkpoint", a.checkpoint, "--frames", FRAMES,
                      "--object", f"1:point:{POINT},1", "--image-size", str(size), "--dtype", dtype, "--device", "cpu",
                      "--threads", str(threads), "--limit-frames", str(a.limit)], amx)
    found = re.search(r"^track: .*latency median ([0-9.]+) ms", text, re.M)
    if not found:
        sys.exit("no median in the output of savbench track:\n" + text[-1000:])
    return float(found[1]) / 1000


def theirs(a, size, dtype, threads, amx):
    weights = [] if a.checkpoint.startswith("seed:") else ["--checkpoint", a.checkpoint]
    row = json.loads(output_of([a.python, os.path.join(HERE, "upstream.py"), "--repo", a.upstream, "--frames", FRAMES, "--cases",
                                f"{a.model}:{size}:{dtype}", "--threads", str(threads), "--limit", str(a.limit), "--point", POINT] + weights, amx).splitlines()[-1])
    if "error" in row:
        sys.exit(f"official {a.model} {size} {dtype}: {row['error']}")
    return row["median_s"]


def processor():
    with open("/proc/cpuinfo") as f:
        text = f.read()
    name = re.search(r"^(?:model name|Hardware|CPU part)\s*: (.*)$", text, re.M)
    return name[1] if name else "unknown processor", "amx_tile" in text


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--savbench", required=True)
    p.add_argument("--model", default="edgetam")
    p.add_argument("--checkpoint", default=DEMO_CHECKPOINT, help="of the model; the project's demo weights by default")
    p.add_argument("--upstream", help="checkout of the official code")
    p.add_argument("--python", default=sys.executable, help="interpreter for the official code")
    p.add_argument("--sizes", default="512,1024")
    p.add_argument("--dtypes", default="float32,bfloat16")
    p.add_argument("--threads", default="2")
    p.add_argument("--amx", default="on,off")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--limit", type=int, default=12, help="frames of the clip")
    p.add_argument("--out", help="JSON")
    a = p.parse_args()
    name, has_amx = processor()
    isas = a.amx.split(",") if has_amx else ["-"]
    print(f"{a.model}, {name}, 1 object, {a.limit} frames; seconds per frame: a round's median, least of {a.rounds} rounds")
    print("| size | dtype | threads | AMX | savbench | official | times |\n|---|---|---|---|---|---|---|")
    rows = []
    for size, dtype, threads, amx in itertools.product(map(int, a.sizes.split(",")), a.dtypes.split(","), map(int, a.threads.split(",")), isas):
        if amx == "off" and dtype == "float32":
            continue  # oneDNN computes it without AMX anyhow
        mine, other = [], []
        for _ in range(a.rounds):
            if a.upstream:
                other.append(theirs(a, size, dtype, threads, amx))
            mine.append(ours(a, size, dtype, threads, amx))
        m, o = min(mine), min(other) if other else None
        print(f"| {size} | {dtype} | {threads} | {amx} | {m:.3f} | " + (f"{o:.3f} | {o / m:.2f} |" if o else "- | - |"), flush=True)
        rows.append({"size": size, "dtype": dtype, "threads": threads, "amx": amx, "savbench_s": mine, "official_s": other})
        if a.out:
            with open(a.out, "w") as f:
                json.dump({"model": a.model, "processor": name, "frames": a.limit, "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()
