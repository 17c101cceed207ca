#!/usr/bin/env python3
"""CUDA graphs and our own kernels against libtorch alone: the same masks?

  eager_masks.py --savbench FILE [--models edgetam,sam2.1_t] [--dtypes float32,bfloat16] [--frames N] [--size 1024]

Each model tracks a bundled clip from mask prompts, EdgeTAM by the bundled checkpoint, others by seeded weights: as always (graphs), as libtorch
alone would (--eager), and, each object by itself and with --repeatable's attention, with graphs and with the same kernels launched one by one (a
probe: --dump). Printed are the mean and the least IoU of all masks of the last two, of the first two, and of these with --eager's in float32: in
half dtypes tracking carries every rounding on, so that two ways of rounding come as far apart as each is from float32. Limits: graphs or none
0.9999 in float32 and tf32, 0.999 in half dtypes; fused or not the same in float32, else no farther from float32 than --eager is, by 0.002. Exit
code: 0 all hold, 1 not, 3 savbench failed.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data")
CLIP = "shapes_000003"


def track(a, model, dtype, to, *more):
    masks = os.path.join(DATA, "Annotations_6fps", CLIP)
    objects = [x for o in sorted(os.listdir(masks)) for x in ("--object", f"{int(o) + 1}:mask:{os.path.join(masks, o, '00000.png')}")]
    weights = os.path.join(DATA, "edgetam_shapes.pt") if model == "edgetam" else "seed:1"
    c = [a.savbench, "track", "--model", model, "--checkpoint", weights, "--frames", os.path.join(DATA, "JPEGImages_24fps", CLIP), *objects,
         "--image-size", str(a.size), "--dtype", dtype, "--device", a.device, "--masks", to, *more]
    if a.frames:
        c += ["--limit-frames", str(a.frames)]
    done = subprocess.run(c, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
        sys.exit(3)


def ious(one, other):
    for folder, _, files in sorted(os.walk(one)):
        for name in sorted(files):
            x, y = (np.asarray(Image.open(os.path.join(root, os.path.relpath(folder, one), name))) > 0 for root in (one, other))
            either = np.count_nonzero(x | y)
            yield np.count_nonzero(x & y) / either if either else 1.0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--savbench", required=True)
    p.add_argument("--models", default="edgetam,sam2.1_t,sam2.1_b+")
    p.add_argument("--dtypes", default="float32,tf32,float16,bfloat16")
    p.add_argument("--size", type=int, default=1024)
    p.add_argument("--frames", type=int)
    p.add_argument("--device", default="cuda")
    a = p.parse_args()
    failed = 0
    for model in a.models.split(","):
        with tempfile.TemporaryDirectory() as work:
            exact = os.path.join(work, "exact")
            track(a, model, "float32", exact, "--eager")
            for dtype in a.dtypes.split(","):
                alone = ["--objects", "separate", "--repeatable"]
                options = {"graphs": [], "eager": ["--eager"], "alone": alone, "one_by_one": alone + ["--dump", os.path.join(work, "dump.h5")]}
                ways = {way: os.path.join(work, f"{dtype}-{way}") for way in options}
                for way in ways:
                    track(a, model, dtype, ways[way], *options[way])
                pairs = {name: list(ious(one, other)) for name, one, other in (
                    ("without graphs", ways["alone"], ways["one_by_one"]), ("libtorch alone", ways["graphs"], ways["eager"]),
                    ("float32", ways["graphs"], exact), ("libtorch alone to float32", ways["eager"], exact))}
                mean = {name: sum(found) / len(found) for name, found in pairs.items()}
                half = dtype.endswith("16")
                good = mean["without graphs"] >= (0.999 if half else 0.9999) and (
                    mean["libtorch alone"] >= 0.9999 if dtype == "float32" else mean["float32"] >= mean["libtorch alone to float32"] - 0.002)
                failed += not good
                print(f"{model:10} {dtype:9} {len(pairs['float32'])} masks;", "; ".join(f"{name} {mean[name]:.6f} ({min(found):.4f})" for name, found in pairs.items()),
                      "" if good else "FAIL", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
