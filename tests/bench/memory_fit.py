#!/usr/bin/env python3
"""Constants of src/memory_estimate.c from what memory_bench.py --out wrote: the table's rows, ready to be copied.

  memory_fit.py CPU.jsonl [CUDA.jsonl]

Least squares of relative errors of METRICS.md's formulas ("Memory expected"); the terms that come from shapes alone are taken off first.
what no case tells is printed as nan and stays as it is in the table.
"""
import json
import sys

MIB = 2**20
BANK = {"bfloat16": 2, "float16": 2, "float32": 4, "autocast": 4}


def solve(rows):
    """rows: ({name: factor}, value, scale) -> {name: constant}; a little ridge keeps what is not told at 0."""
    names = sorted({n for f, _, _ in rows for n in f}, key=str)
    n = len(names)
    a = [[0.0] * (n + 1) for _ in range(n)]
    for f, value, scale in rows:
        v = [f.get(x, 0.0) / scale for x in names]
        for i in range(n):
            for j in range(n):
                a[i][j] += v[i] * v[j]
            a[i][n] += v[i] * value / scale
    for i in range(n):
        a[i][i] += 1e-9
    for i in range(n):
        p = max(range(i, n), key=lambda k: abs(a[k][i]))
        a[i], a[p] = a[p], a[i]
        for k in range(n):
            if k != i and a[i][i]:
                m = a[k][i] / a[i][i]
                a[k] = [x - m * y for x, y in zip(a[k], a[i])]
    return {x: a[i][n] / a[i][i] for i, x in enumerate(names)}


def read(path):
    out = []
    with open(path) as f:
        for line in f:
            r = json.loads(line)
            model, size, dtype, objects, video, *more = r["case"].split()
            w, h = map(int, video.split("x"))
            size, objects, cuda = int(size), int(objects), r["peak_device_bytes"] is not None
            frames = (8 if cuda else 1) if "offline" in more else 1
            batch = min(r["max_batch"] or 1, objects)
            tokens = 512 if model == "edgetam" else (size // 16) ** 2
            bank = objects * (7 * tokens * 64 * BANK["bfloat16"] + 16 * 256 * 4)
            masks = objects * ((size // 4) ** 2 * 4 + h * w / 8)
            host = ((8 if cuda else 1) + 1 + 3 * frames) * 3 * h * w + 6 * objects * h * w / 8
            out.append(dict(key=(model.split("_")[-1], int(dtype in ("bfloat16", "float16"))), area=(size / 1024) ** 2, frames=frames, batch=batch,
                            weights=r["weights_bytes"], device=r["peak_device_bytes"], rss=r["peak_rss_bytes"], cuda=cuda,
                            device_rest=(r["peak_device_bytes"] or 0) - r["weights_bytes"] - bank - masks - 3 * h * w * frames,
                            rss_rest=r["peak_rss_bytes"] - host - (0 if cuda else r["weights_bytes"] + bank + masks)))
    return out


def main():
    cases = [c for path in sys.argv[1:] for c in read(path)]
    if not cases:
        sys.exit(__doc__)
    device = solve([({"fixed": 1, ("encode", *c["key"]): c["area"] * c["frames"], ("pass", *c["key"]): c["area"] * c["batch"]},
                     c["device_rest"] / MIB, c["device"] / MIB) for c in cases if c["cuda"]] or [({"fixed": 1}, 0, 1)])
    cpu = solve([({"host": 1, ("cpu", *c["key"]): c["area"], ("encode", *c["key"]): c["area"] * (c["frames"] - 1),
                   ("pass", *c["key"]): c["area"] * (c["batch"] - 1)}, c["rss_rest"] / MIB, c["rss"] / MIB) for c in cases if not c["cuda"]] or
                [({"host": 1}, 0, 1)])
    on_cuda = [c["rss_rest"] / MIB for c in cases if c["cuda"]]
    print(f"CPU_HOST {cpu['host']:.0f}  CUDA_HOST {sum(on_cuda) / len(on_cuda) if on_cuda else float('nan'):.0f}  CUDA_FIXED {device['fixed']:.0f}")
    for name in ("edgetam", "t", "s", "b+", "l"):
        weights = [next((c["weights"] / MIB for c in cases if c["key"] == (name, half)), float("nan")) for half in (0, 1)]
        rows = [[d.get((what, name, half)) or float("nan") for half in (0, 1)]
                for what, d in (("cpu", cpu), ("encode", cpu), ("pass", cpu), ("encode", device), ("pass", device))]
        print('    {"%s", {%s}},' % (name, ", ".join("{%.0f, %.0f}" % tuple(r) for r in [weights] + rows)))


if __name__ == "__main__":
    main()
