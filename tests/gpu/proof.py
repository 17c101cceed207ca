#!/usr/bin/env python3
"""Does the attention proof say what the GPU ran?  proof.py --attention FILE.csv --kernels FILE [--want-fused]

FILE.csv holds the columns backend and calls (a trial's attention records), the other file the launches by kernel name
(kernel_names.c) of the same process. Each fused backend must have launched its own kernel at least once per recorded
call, and none that is not in the record may have run. --want-fused: at least one site must be flash, cuDNN or fused.
"""
import argparse
import csv
import re
import sys

# One launch per call. FlashAttention's second kernel for split keys (..combine..) and helpers are not counted.
KERNELS = {
    "flash": re.compile(r"flash_fwd(_splitkv)?_kernel|FlashAttnFwd"),
    "cudnn": re.compile(r"cudnn.*(sdpa|flash|fmha|attention).*", re.I),
    "fused": re.compile(r"\battend(_to_bank)?<"),
    "efficient": re.compile(r"fmha_cutlassF|AttentionKernel"),
}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--attention", required=True)
    p.add_argument("--kernels", required=True)
    p.add_argument("--want-fused", action="store_true")
    a = p.parse_args()
    calls = {}
    with open(a.attention, newline="") as f:
        for row in csv.DictReader(f):
            calls[row["backend"]] = calls.get(row["backend"], 0) + int(row["calls"])
    launched = {name: {} for name in KERNELS}
    with open(a.kernels) as f:
        for line in f:
            count, name = line.rstrip("\n").split("\t", 1)
            for backend, pattern in KERNELS.items():
                if pattern.search(name):
                    launched[backend][name] = launched[backend].get(name, 0) + int(count)
    bad = []
    for backend in KERNELS:
        n, seen = calls.get(backend, 0), sum(launched[backend].values())
        if n or seen:
            print(f"  {backend}: {n} calls recorded, {seen} launches of " + (", ".join(sorted(x[:100] for x in launched[backend])) or "no kernel of its name"))
        if seen < n:
            bad.append(f"{backend}: recorded {n} times, launched {seen} times")
        if seen and not n:
            bad.append(f"{backend}: launched {seen} times, not in the record")
    if calls.get("math"):
        print(f"  math: {calls['math']} calls recorded")
    if a.want_fused and not (calls.get("flash", 0) + calls.get("cudnn", 0) + calls.get("fused", 0)):
        bad.append("no site ran flash, cuDNN or fused attention")
    for b in bad:
        print("  FAIL " + b)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
