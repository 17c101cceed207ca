"""Tables of what gpu_bench.py found: savbench, the official Python and the device's ceilings side by side.

FPS is frames over their time, the first one left out, on both sides (METRICS.md); whole FPS is frames over the time from the first JPEG to
the last score, of the official predictor, which scores nothing, to the last mask on the host.

Ceiling of a stage: the roofline over its matrix products, convolutions and attention (work.json; work.py says how they are counted), each
at the rate of an 8192 x 8192 product in that dtype or at that of a copy on the device, whichever takes longer. TFLOP/s and GB/s
of a stage are that work over the measured time.
"""
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS_C = os.path.join(HERE, "..", "..", "src", "models.c")
DEVICE_STAGES = ("preprocess", "encode", "attend", "mask_decode", "memorize", "postprocess")


def load_work():
    """{model: {stage: rows}}; its sums must be what src/models.c says."""
    with open(os.path.join(HERE, "work.json")) as f:
        work = json.load(f)
    with open(MODELS_C) as f:
        gflop = dict(re.findall(r'\{"([^"]+)", VB_FAMILY_\w+, "[^"]*", "[^"]*", (\d+),', f.read()))
    for model, stages in work.items():
        total = sum(flop * n for rows in stages.values() for flop, _, n in rows) / 1e9
        if abs(total - float(gflop[model])) > 1:
            raise SystemExit(f"work.json: {model} {total:.1f} GFLOP a frame, src/models.c says {gflop[model]}; run work.py again")
    return work


def value_bytes(dtype):
    return 2 if dtype.endswith("16") else 4


def work_of(rows, dtype):
    """(FLOP, bytes)"""
    return sum(f * n for f, _, n in rows), sum(v * n for _, v, n in rows) * value_bytes(dtype)


def ceiling_ms(rows, dtype, ceilings):
    rate, speed = ceilings["gemm_tflops"][dtype] * 1e9, ceilings["copy_gbs"] * 1e6  # per ms
    return sum(n * max(f / rate, v * value_bytes(dtype) / speed) for f, v, n in rows)


def table(head, rows):
    lines = [head, ["---"] * len(head)] + rows
    return "".join("| " + " | ".join("-" if c is None else str(c) for c in line) + " |\n" for line in lines) + "\n"


def number(v, digits=3):
    if not v:
        return None
    return f"{v:.0f}" if v >= 10**digits else f"{v:#.{digits}g}".rstrip(".")


def ratio(a, b):
    return number(a / b) if a and b else None


def official_rate(row):
    """(FPS of the frame loop, FPS with loading) of a row of upstream.py."""
    if not row or "error" in row:
        return None, None
    frame = row["total_s"] / row["frames"]
    return 1 / frame, 1 / (frame + row["load_s_per_frame"])


def find(rows, **want):
    return next((r for r in rows or [] if all(r.get(k) == v for k, v in want.items())), None)


def ceilings_table(c):
    launch = c["launch_us"]
    text = (f"{c['device']}, {c['multiprocessors']} multiprocessors, torch {c['torch']}. Copy on the device {c['copy_gbs']} GB/s, to it {c['to_device_gbs']}, "
            f"from it {c['to_host_gbs']}. A kernel of no work: {launch['one_by_one']} us of the host, {launch['in_graph']} us in a graph.\n\n")
    text += table(["product 8192 x 8192", "TFLOP/s"], [[d, v] for d, v in c["gemm_tflops"].items()])
    return text + table(["attention, bfloat16", *next(iter(c["attention"].values()))],
                        [[shape, *(v and f"{v['ms']} ms, {v['tflops']} TFLOP/s" for v in by.values())] for shape, by in c["attention"].items()])


def models_table(found, work):
    rows, ceilings = [], found.get("ceilings")
    for r in found["ours"]:
        loop, whole = official_rate(find(found.get("official"), model=r["model"], dtype=r["dtype"]))
        products = work.get(r["model"], {}).values()
        tflops = sum(work_of(s, r["dtype"])[0] for s in products) * r["fps"] / 1e12
        best = ceilings and products and sum(ceiling_ms(s, r["dtype"], ceilings) for s in products)
        rows.append([r["model"], r["dtype"], number(r["latency_ms"]), number(best), number(r["fps"]), number(loop), ratio(r["fps"], loop), number(r["pipeline_fps"]),
                     number(whole), ratio(r["pipeline_fps"], whole), number(100 * r["pipeline_fps"] / r["fps"]), number(tflops),
                     ceilings and tflops and number(100 * tflops / ceilings["gemm_tflops"][r["dtype"]])])
    return table(["model", "dtype", "latency ms", "ceiling ms", "FPS", "official FPS", "times", "whole FPS", "official whole FPS", "times", "whole / engine %",
                  "TFLOP/s", "% of product's"], rows)


def stages_table(found, work):
    rows, ceilings = [], found.get("ceilings")
    for r in found["ours"]:
        theirs = (find(found.get("official"), model=r["model"], dtype=r["dtype"]) or {}).get("stage_ms", {})
        for stage in DEVICE_STAGES:
            ms, products = r["stage_ms"].get(stage), work.get(r["model"], {}).get(stage)
            flop, moved = work_of(products, r["dtype"]) if products and ms else (None, None)
            rows.append([r["model"], r["dtype"], stage, number(ms), number(theirs.get(stage)), ratio(theirs.get(stage), ms),
                         number(ceiling_ms(products, r["dtype"], ceilings)) if products and ceilings else None,
                         flop and number(flop / ms / 1e9), moved and number(moved / ms / 1e6)])
    return table(["model", "dtype", "stage", "ms", "official ms", "times", "ceiling ms", "TFLOP/s", "GB/s"], rows)


def plain_table(rows):
    return table(["model", "dtype", "mode", "objects", "frames", "ms", "FPS", "object-frames/s", "whole FPS", "device MiB"],
                 [[r["model"], r["dtype"], r["mode"], r["n_objects"], r["n_frames"], number(r["latency_ms"]), number(r["fps"]),
                   number(r["fps"] * r["n_objects"]), number(r["pipeline_fps"]), r["peak_device_bytes"] and round(r["peak_device_bytes"] / 2**20)] for r in rows])


def queue_table(found):
    rows = []
    for q in found["queue"]:
        ours = find(found.get("ours"), model=q["model"], dtype=q["dtype"])
        gpu = ours and sum(ours["stage_ms"].get(s) or 0 for s in DEVICE_STAGES)
        for how in ("graphs", "one_by_one"):
            v = q.get(how)
            if v:
                rows.append([q["model"], q["dtype"], how.replace("_", " "), number(v.get("latency_ms")), number(v.get("queued_ms")),
                         number(gpu) if how == "graphs" else None])
    return table(["model", "dtype", "kernels", "latency ms", "host time to queue ms", "stages on the device ms"], rows)


def profile_table(found):
    """Idle of the unprofiled run: what the kernels' time, which CUPTI measures well, leaves of the frame's, which it makes longer."""
    rows = []
    for p in found["profile"]:
        nodes, whole = p.get("nodes"), p.get("whole")
        ours = find(found.get("ours"), model=p["model"], dtype=p["dtype"])
        if not nodes:
            continue
        n = nodes["frames"] or 1
        busy = nodes["busy_ns"] / n / 1e6
        rows.append([p["model"], p["dtype"], number(nodes["records"] / n), number(busy), ours and number(1000 / ours["pipeline_fps"]),
                     ours and number(100 * (1 - busy * ours["pipeline_fps"] / 1000)), number(100 * nodes["idle_share"]), whole and number(100 * whole["idle_share"]),
                     "; ".join(f"{k['name'][:48].replace('|', '/')} {k['ns'] / n / 1e6:.3f}" for k in nodes["kernels"][:3])])
    return table(["model", "dtype", "kernels a frame", "busy ms", "frame ms, not profiled", "idle %", "idle %, profiled", "idle %, graphs as one", "longest kernels, ms a frame"], rows)


def official_table(rows):
    return table(["model", "dtype", "compiled", "ms", "FPS", "loading ms", "whole FPS", "device MiB"],
                 [[r["case"], None, r.get("compiled"), "not run: " + r["error"].splitlines()[0][:120]] + [None] * 4 if "error" in r else
                  [r["model"], r["dtype"], r["compiled"], number(1000 * r["median_s"]), number(official_rate(r)[0]), number(1000 * r["load_s_per_frame"]),
                   number(official_rate(r)[1]), r["peak_device_bytes"] and round(r["peak_device_bytes"] / 2**20)] for r in rows])


def all_tables(found, brief=False):
    """Markdown; brief: without the stages, which fill pages."""
    work, text = load_work() if found.get("size") == 1024 else {}, ""
    for part, title, make in (
            ("ceilings", "The device", lambda: ceilings_table(found["ceilings"])),
            ("ours", "One object, stream, 1024", lambda: models_table(found, work)),
            ("ours", "By stage", lambda: stages_table(found, work)),
            ("offline", "Offline", lambda: plain_table(found["offline"])),
            ("objects", "Many objects", lambda: plain_table(found["objects"])),
            ("official", "The official Python", lambda: official_table(found["official"])),
            ("compiled", "The official Python, compiled", lambda: official_table(found["compiled"])),
            ("queue", "Device and host", lambda: queue_table(found)),
            ("profile", "Kernels", lambda: profile_table(found))):
        if found.get(part) and not (brief and title == "By stage"):
            text += f"## {title}\n\n" + make()
    return text
