#!/usr/bin/env python3
"""Memory as it was estimated beside what was measured, for a list of cases.

  memory_bench.py --savbench build/release/savbench [--device cpu] [--cases FILE] [--only TEXT] [--limit 0.2]
                  [--checkpoint seed:1] [--frames 10] [--out FILE.jsonl]

A case is a line `MODEL SIZE DTYPE OBJECTS WxH [BATCH] [eager] [offline]`; without --cases the list at the end of this file is run, which for
--device cuda is a longer one. Each case is a run of its own on a made-up video, so that nothing of another case is still in memory. Compared
are device bytes where the device tells them, and the resident set. Exit code: 0 all ratios within --limit, 1 not, 3 savbench failed.
"""
import argparse
import ctypes
import ctypes.util
import json
import os
import shlex
import sqlite3
import struct
import subprocess
import sys
import tempfile
import zlib


def jpeg_writer():
    name = ctypes.util.find_library("turbojpeg")
    if not name:
        sys.exit("libturbojpeg is not installed: it makes the frames")
    lib = ctypes.CDLL(name)
    lib.tjInitCompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(lib.tjInitCompress())

    def write(path, w, h, rgb):
        out, n = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_ulong(0)
        if lib.tjCompress2(handle, rgb, w, 0, h, 0, ctypes.byref(out), ctypes.byref(n), 2, 85, 0):  # TJPF_RGB = 0, 4:2:0 = 2
            sys.exit("tjCompress2 failed")
        with open(path, "wb") as f:
            f.write(ctypes.string_at(out, n.value))
        lib.tjFree(out)

    return write


def write_mask(path, w, h, box):
    x0, y0, x1, y1 = box
    rows = b"".join(b"\0" + (bytes(x0) + b"\1" * (x1 - x0) + bytes(w - x1) if y0 <= y < y1 else bytes(w)) for y in range(h))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    palette = bytes([0, 0, 0, 255, 255, 255])
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 3, 0, 0, 0)) + chunk(b"PLTE", palette) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make_split(root, w, h, n_objects, n_frames, write_jpeg):
    """A bright square on a ramp; every object has its mask, on every 4th frame as in SA-V."""
    frames = os.path.join(root, "JPEGImages_24fps", "made")
    os.makedirs(frames)
    side = min(w, h) // 4
    for t in range(n_frames):
        x0, y0 = (t * 3) % (w - side), h // 3
        line = bytes(v for x in range(w) for v in (x * 255 // w, 60, 90))
        bright = line[:3 * x0] + b"\xf0" * (3 * side) + line[3 * (x0 + side):]
        write_jpeg(os.path.join(frames, f"{t:05d}.jpg"), w, h, b"".join(bright if y0 <= y < y0 + side else line for y in range(h)))
        for k in range(n_objects if t % 4 == 0 else 0):
            masks = os.path.join(root, "Annotations_6fps", "made", f"{k:03d}")
            os.makedirs(masks, exist_ok=True)
            write_mask(os.path.join(masks, f"{t:05d}.png"), w, h, (x0, y0, x0 + side, y0 + side))
    with open(os.path.join(root, "split.txt"), "w") as f:
        f.write("made\n")


def measure(a, case, write_jpeg):
    model, size, dtype, objects, video, *more = case.split()
    w, h = map(int, video.split("x"))
    with tempfile.TemporaryDirectory() as work:
        make_split(work, w, h, int(objects), a.frames, write_jpeg)
        out = os.path.join(work, "out")
        c = [os.path.abspath(a.savbench), "run", "--split-dir", work, "--models", model, "--prompts", "mask", "--image-size", size, "--dtype", dtype,
             "--checkpoint", a.checkpoint, "--device", a.device, "--workers", "1", "--save-masks", "none", "--out-dir", out, "--quiet"]
        for word in more:
            c += {"eager": ["--eager"], "offline": ["--mode", "offline"]}.get(word, ["--max-batch", word])
        c += shlex.split(a.options)
        r = subprocess.run(c, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        with sqlite3.connect(f"file:{os.path.join(out, 'summary.db')}?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            row = db.execute("SELECT * FROM trial").fetchone()
        if r.returncode or row is None or row["status"] != "done":
            print(f"{case}: savbench exited {r.returncode}\n  {shlex.join(c)}\n{r.stdout[-2000:]}{r.stderr[-2000:]}{dict(row) if row else ''}")
            sys.exit(3)
        return dict(row)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--savbench", required=True)
    p.add_argument("--device", default="cpu")
    p.add_argument("--cases", help="file of cases, one a line")
    p.add_argument("--only", default="", help="cases that contain this text")
    p.add_argument("--limit", type=float, default=0.2)
    p.add_argument("--checkpoint", default="seed:1")
    p.add_argument("--frames", type=int, default=10, help="of the video: the bank is full on the 8th")
    p.add_argument("--options", default="", help="more options of savbench run, as one word")
    p.add_argument("--out", help="one line of JSON per case, appended")
    a = p.parse_args()
    if a.cases:
        with open(a.cases) as f:
            cases = [line.split("#")[0].strip() for line in f]
    else:
        cases = CUDA_CASES if a.device.startswith("cuda") else CPU_CASES
    cases = [c for c in cases if c and a.only in c]
    write_jpeg, beyond = jpeg_writer(), 0
    print(f"{'case':<44} {'':<8} {'estimate':>9} {'measured':>9} {'ratio':>6}   MiB", flush=True)
    for case in cases:
        row = measure(a, case, write_jpeg)
        for what, estimate, peak in (("device", row.get("estimate_device_bytes"), row["peak_device_bytes"]),
                                     ("resident", row.get("estimate_rss_bytes"), row["peak_rss_bytes"])):
            if peak is None:
                continue
            ratio = estimate / peak if estimate else float("nan")
            bad = not abs(ratio - 1) <= a.limit
            beyond += bad
            print(f"{case:<44} {what:<8} {(estimate or 0) / 2**20:>9.1f} {peak / 2**20:>9.1f} {ratio:>6.2f}{'   <- beyond the limit' if bad else ''}", flush=True)
        if a.out:
            with open(a.out, "a") as f:
                f.write(json.dumps({"case": case, **row}) + "\n")
    print(f"{len(cases)} cases, {beyond} ratios beyond {a.limit:.0%}")
    return 1 if beyond else 0


CPU_CASES = [f"{model} {size} {dtype} {objects} 848x480"
             for model, size, most in (("edgetam", 512, 16), ("edgetam", 1024, 16), ("sam2.1_t", 512, 16), ("sam2.1_t", 1024, 4))
             for dtype in ("float32", "bfloat16") for objects in (1, 4, 16) if objects <= most]
CPU_CASES += ["edgetam 512 float32 1 1920x1080", "edgetam 512 float32 8 1920x1080", "sam2.1_b+ 512 float32 1 848x480", "sam2.1_l 512 bfloat16 1 848x480"]
CUDA_CASES = [f"{model} {size} {dtype} {objects} 1280x720"
              for model in ("edgetam", "sam2.1_t") for size in (512, 1024) for dtype in ("float32", "tf32", "bfloat16") for objects in (1, 4, 16)]
CUDA_CASES += [f"{model} 1024 {dtype} 1 1280x720" for model in ("sam2.1_s", "sam2.1_b+", "sam2.1_l") for dtype in ("float32", "bfloat16")]
CUDA_CASES += ["edgetam 1024 bfloat16 16 1920x1080", "sam2.1_t 1024 bfloat16 50 1280x720", "sam2.1_t 1024 bfloat16 16 1280x720 4",
               "edgetam 1024 bfloat16 16 1280x720 1", "edgetam 1024 bfloat16 1 1280x720 eager", "sam2.1_t 1024 bfloat16 4 1280x720 eager",
               "edgetam 1024 bfloat16 1 1280x720 offline", "sam2.1_t 1024 bfloat16 1 1280x720 offline"]

if __name__ == "__main__":
    sys.exit(main())
