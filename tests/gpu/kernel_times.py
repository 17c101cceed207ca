#!/usr/bin/env python3
"""Tables of what kernel_times.so saw: time per kernel and per CUDA graph, and how long the device did nothing.

  CUDA_INJECTION64_PATH=build/release/kernel_times.so VB_KERNEL_TIMES=trace.txt savbench track ...
  kernel_times.py trace.txt [--mark REGEX] [--frames N] [--top N] [--gaps N] [--out FILE] [--json FILE]

The window begins with the kernel that runs once per frame (--mark, its name; by default the last pass of our preprocessing) N
frames before that kernel's last run and ends with that last run: N whole frames, without warm-up and the end of the clip. Where no kernel
fits, it is all that was traced. Idle is the part of the window in which neither a kernel nor a copy nor a fill ran.
Under CUDA graphs CUPTI's own work between kernels shows as idle time; trace with VB_KERNEL_GRAPHS=whole to see a graph as one piece:
what is idle then is the device waiting for the host.

--out writes COUNT <tab> TOTAL_NS <tab> NAME per kernel of the window; --gaps lists after and before what the longest idle times come.
"""
import argparse
import collections
import ctypes
import json
import re

MARK = r"4passI.*Normalized"


def demangler():
    """Kernel names as in the source; as they are where there is no C++ run time to ask."""
    try:
        library = ctypes.CDLL("libstdc++.so.6")
        free = ctypes.CDLL(None).free
    except OSError:
        return lambda name: name
    call = library.__cxa_demangle
    call.restype, call.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    free.argtypes = [ctypes.c_void_p]

    def readable(name):
        text = call(name.encode(), None, None, ctypes.byref(ctypes.c_int())) if name.startswith("_Z") else None
        if not text:
            return name
        out = ctypes.string_at(text).decode().replace("(anonymous namespace)::", "")
        free(text)
        return out

    return readable


def read(path):
    """[(start, end, stream, graph, mangled name)] by start, and how many records were lost."""
    names, rows, lost = {}, [], 0
    with open(path) as f:
        for line in f:
            if line[0] == "N":
                i, name = line[2:].rstrip("\n").split("\t", 1)
                names[int(i)] = name
            elif line[0] == "R":
                rows.append(tuple(map(int, line[2:].split())))
            elif line[0] == "D":
                lost = int(line[2:])
    return sorted((s, e, stream, graph, names.get(i, "?")) for s, e, stream, graph, i in rows), lost


def window(rows, mark, frames):
    """(begin, end, frames) in nanoseconds; frames is None where no kernel marks them."""
    starts = [r[0] for r in rows if re.search(mark, r[4])]
    if len(starts) < 2:
        return rows[0][0], max(r[1] for r in rows), None
    n = min(frames or len(starts) // 2, len(starts) - 1)  # the first half is warm-up, unless said
    return starts[-1 - n], starts[-1], n


def busy(rows, begin, end):
    """Nanoseconds in which something ran, and the gaps: [(length, name before, name after)]."""
    total, reached, before, gaps = 0, begin, None, []
    for s, e, _, _, name in rows:
        if e <= begin or s >= end:
            continue
        if s > reached:
            gaps.append((s - reached, before, name))
        total += max(0, min(e, end) - max(s, reached))
        if e > reached:
            reached, before = e, name
    if reached < end:
        gaps.append((end - reached, before, None))
    return total, gaps


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("trace")
    p.add_argument("--mark", default=MARK)
    p.add_argument("--frames", type=int)
    p.add_argument("--top", type=int, default=40)
    p.add_argument("--gaps", type=int, default=8)
    p.add_argument("--out")
    p.add_argument("--json")
    a = p.parse_args()
    rows, lost = read(a.trace)
    if not rows:
        p.error(f"{a.trace}: no record in it")
    begin, end, frames = window(rows, a.mark, a.frames)
    inside = [r for r in rows if r[0] >= begin and r[0] < end]
    total, gaps = busy(rows, begin, end)
    readable, per = demangler(), frames or 1
    kernels, graphs = collections.defaultdict(lambda: [0, 0]), collections.defaultdict(lambda: [0, 0])
    for s, e, _, graph, name in inside:
        for table, key in ((kernels, name), (graphs, graph)):
            table[key][0] += 1
            table[key][1] += e - s
    each = f"{frames} frames of {(end - begin) / per / 1e6:.3f} ms" if frames else f"the whole trace (no two kernels fit '{a.mark}')"
    busiest = sum(ns for _, ns in kernels.values())
    print(f"{each}: {len(inside) / per:.1f} kernels, copies and fills{' per frame' if frames else ''}, {busiest / per / 1e6:.3f} ms of them; "
          f"device idle {100 * (1 - total / (end - begin)):.1f} %" + (f"; CUPTI lost {lost} records" if lost else ""))
    print(f"\n{'graph':>8} {'count':>8} {'ms':>8}   (0: not in a graph{'; per frame' if frames else ''})")
    for graph, (n, ns) in sorted(graphs.items()):
        print(f"{graph:>8} {n / per:>8.1f} {ns / per / 1e6:>8.3f}")
    print(f"\n{'count':>8} {'us':>9} {'us each':>8} {'%':>5}  kernel")
    for name, (n, ns) in sorted(kernels.items(), key=lambda k: -k[1][1])[: a.top]:
        print(f"{n / per:>8.1f} {ns / per / 1e3:>9.1f} {ns / n / 1e3:>8.2f} {100 * ns / busiest:>5.1f}  {readable(name)[:150]}")
    if a.gaps:
        between = collections.defaultdict(lambda: [0, 0])
        for ns, before, after in gaps:
            between[before, after][0] += 1
            between[before, after][1] += ns
        print(f"\n{'count':>8} {'idle us':>9} {'us each':>8}  between")
        for (before, after), (n, ns) in sorted(between.items(), key=lambda g: -g[1][1])[: a.gaps]:
            print(f"{n / per:>8.1f} {ns / per / 1e3:>9.1f} {ns / n / 1e3:>8.2f}  {readable(before or '-')[:70]}  ->  {readable(after or '-')[:70]}")
    ordered = sorted(kernels.items(), key=lambda k: -k[1][1])
    if a.out:
        with open(a.out, "w") as f:
            f.writelines(f"{n}\t{ns}\t{readable(name)}\n" for name, (n, ns) in ordered)
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"frames": frames, "window_ns": end - begin, "busy_ns": total, "idle_share": 1 - total / (end - begin), "records": len(inside), "lost": lost,
                       "graphs": {g: {"count": n, "ns": ns} for g, (n, ns) in graphs.items()},
                       "kernels": [{"name": readable(name), "count": n, "ns": ns} for name, (n, ns) in ordered]}, f, indent=1)


if __name__ == "__main__":
    main()
