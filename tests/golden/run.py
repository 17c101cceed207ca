#!/usr/bin/env python3
"""Golden cases said in the words of `savbench track`, run, and compared.

  run.py --savbench build/release/savbench [--set small|all] [--half] [--only PATTERN ...]

A case file (cases/*.h5; layout: tests/golden/README.md) holds what the official code gave for known weights: this
reads the case's settings and prompts, runs `savbench track` with them, and compares the dump with compare.py.
--half instead runs the float16 and bfloat16 variants of the cases named in half_limits.json against the float32
golden. Sets: `small` is the folder cases/ beside this file; `all` adds the cases and clips of --oracle, where present.

Exit code: 0 all hold, 1 one does not, 2 usage, 77 nothing could be run (no h5py, no case).
"""
import argparse
import fnmatch
import json
import os
import shlex
import struct
import subprocess
import sys
import tempfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77
# Half dtypes against upstream's own autocast: the least mask IoU may be this much lower, the largest error that much larger.
IOU_SLACK, REL_FACTOR = 0.005, 1.25
# With a mask prompt and a float32 bank no pixel of a binarised mask can flip: the strict tolerance.
STRICT_REL = 2e-4

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {sys.executable}: {missing} (Debian/Ubuntu: apt-get install python3-h5py python3-numpy)")
    sys.exit(SKIP)


def write_png(path, bits):
    """A mask [H, W] of bools as an 8-bit grey PNG, 0 or 255."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    h, w = bits.shape
    rows = b"".join(b"\0" + row.tobytes() for row in bits.astype(np.uint8) * 255)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 0, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def numbers(values):
    return ",".join(f"{float(v):.9g}" for v in values)


class Case:
    """The settings of one golden file."""

    def __init__(self, path):
        self.path, self.name = path, os.path.splitext(os.path.basename(path))[0]
        with h5py.File(path) as f:
            a = f.attrs
            self.model = a["model"].replace("_hiera", "")
            self.size, self.seed, self.bank = int(a["image_size"]), int(a["weights_seed"]), a["bank"]
            self.fill, self.video = int(a["fill_hole_area"]), a["video"]
            self.width = int(a["video_width"])
            self.overrides = json.loads(a["weights_overrides"])
            self.order = f["frame_order"][()].tolist()
            self.traced = "trace" in f
            self.objects = []
            for key in sorted(k for k in f if k.startswith("obj")):
                o = f[key]
                prompt = {k: o["prompt"][k][()] for k in o["prompt"]}
                self.objects.append((int(o.attrs["obj_id"]), int(o.attrs["prompt_frame"]), prompt))

    def only_masks(self):
        return all("mask_packed" in p for _, _, p in self.objects)

    def spec(self, obj_id, frame, prompt, work):
        parts = []
        if "mask_packed" in prompt:
            png = os.path.join(work, f"{self.name}_{obj_id}.png")
            write_png(png, np.unpackbits(prompt["mask_packed"], axis=-1)[:, : self.width].astype(bool))
            parts.append(f"mask:{png}")
        if "box" in prompt:
            parts.append("box:" + numbers(prompt["box"]))
        if "points" in prompt:
            parts.append("point:" + ";".join(f"{numbers(xy)},{int(l)}" for xy, l in zip(prompt["points"], prompt["labels"])))
        return f"{obj_id}@{frame}:" + "+".join(parts)

    def command(self, a, clips, dtype, bank, work, out):
        c = [a.savbench, "track", "--model", self.model, "--checkpoint", f"seed:{self.seed}",
             "--frames", os.path.join(clips, "JPEGImages_24fps", self.video), "--image-size", str(self.size),
             "--dtype", dtype, "--bank-dtype", bank, "--frame-order", ",".join(map(str, self.order)),
             "--fill-hole-area", str(self.fill), "--dump", out]
        for o in self.objects:
            c += ["--object", self.spec(*o, work)]
        for key, value in self.overrides.items():
            c += ["--weight", f"{key}={value:.9g}"]
        if self.traced and dtype == "float32":
            c.append("--dump-trace")
        if a.threads:
            c += ["--threads", str(a.threads)]
        if a.device:
            c += ["--device", a.device]
        return c


def track(case, a, clips, dtype, bank, work):
    """Runs the case; returns the dump's path, or None after printing why there is none."""
    out = os.path.join(work, f"{case.name}_{dtype}_{bank}.h5")
    command = case.command(a, clips, dtype, bank, work, out)
    if a.verbose:
        print(shlex.join(command), flush=True)
    r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if r.returncode:
        print(f"FAIL {case.name}: savbench track exited {r.returncode}\n  {shlex.join(command)}\n{r.stdout[-2000:]}{r.stderr[-2000:]}")
        return None
    return out


def check_float32(case, a, clips, work):
    out = track(case, a, clips, "float32", case.bank, work)
    if out is None:
        return False
    c = [sys.executable, os.path.join(HERE, "compare.py"), case.path, out] + ([] if a.verbose else ["-q"])
    if case.bank == "float32" and case.only_masks():
        c += ["--rel", str(STRICT_REL)]
    if case.traced:
        c.append("--require-trace")
    r = subprocess.run(c, capture_output=True, text=True)
    text = (r.stdout + r.stderr).strip().replace(case.path + ": ", "")
    print(("FAIL " if r.returncode else "ok   ") + case.name + ": " + text, flush=True)
    return r.returncode == 0


def check_half(case, dtype, bank, limit, a, clips, work):
    """dtype and bank against the float32 golden with the float32 bank, as the limits were taken."""
    out = track(case, a, clips, dtype, bank, work)
    if out is None:
        return False
    with h5py.File(case.path) as g, h5py.File(out) as o:
        x, y = g["obj1/low_sub"][()].astype(np.float64), o["obj1/low_sub"][()].astype(np.float64)
        p, q = (np.unpackbits(f["obj1/mask_packed"][()], axis=-1).astype(bool) for f in (g, o))
    finite = bool(np.isfinite(y).all())
    rel = max(float((u - v).std() / u.std()) for u, v in zip(x, y))
    iou = min(float((u & v).sum() / max((u | v).sum(), 1)) if (u | v).any() else 1.0 for u, v in zip(p, q))
    least, largest = limit["least_iou"] - IOU_SLACK, limit["largest_rel"] * REL_FACTOR
    ok = finite and iou >= least and rel <= largest
    print(f"{'ok   ' if ok else 'FAIL '}{case.name} {dtype}, bank {bank}: least IoU {iou:.4f} (limit {least:.4f}), "
          f"largest difference {rel:.4f} (limit {largest:.4f}){'' if finite else ', not finite'}", flush=True)
    return ok


def find_cases(a):
    """[(case file, clips folder)], by name, each name once."""
    folders = [(os.path.join(HERE, "cases"), os.path.join(HERE, "clips"))]
    if a.set == "all":
        folders.append((os.path.join(a.oracle, "cases"), os.path.join(a.oracle, "clips")))
    found = {}
    for cases, clips in folders:
        for name in sorted(os.listdir(cases)) if os.path.isdir(cases) else []:
            stem, ext = os.path.splitext(name)
            if ext == ".h5" and any(fnmatch.fnmatch(stem, p) for p in a.only):
                found.setdefault(stem, (os.path.join(cases, name), clips))
    return [found[k] for k in sorted(found)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--savbench", required=True, help="the executable")
    p.add_argument("--set", choices=("small", "all"), default="small")
    p.add_argument("--oracle", default=os.path.join(HERE, "..", "..", "..", "shared", "oracle"), help="folder with more cases/ and clips/")
    p.add_argument("--only", action="append", help="shell pattern of case names; may repeat (default: all)")
    p.add_argument("--half", action="store_true", help="float16 and bfloat16 against the float32 goldens")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="", help="as savbench track --device")
    p.add_argument("--keep", help="folder that keeps the dumps")
    p.add_argument("-v", "--verbose", action="store_true")
    a = p.parse_args()
    a.only = a.only or ["*"]
    a.savbench = os.path.abspath(a.savbench)
    cases = find_cases(a)
    jobs = []
    if a.half:
        with open(os.path.join(HERE, "half_limits.json")) as f:
            limits = json.load(f)
        for path, clips in cases:
            c = Case(path)
            for variant, limit in limits.get(c.name[: -len("_f32bank")] if c.name.endswith("_f32bank") else "", {}).items():
                dtype, bank = variant.split("/")
                jobs.append(lambda w, c=c, d=dtype, b=bank, l=limit, k=clips: check_half(c, d, b, l, a, k, w))
    else:
        for path, clips in cases:
            jobs.append(lambda w, c=Case(path), k=clips: check_float32(c, a, k, w))
    if not jobs:
        print("skipped: no golden case of " + " ".join(a.only) + (f" (looked in {a.oracle} too)" if a.set == "all" else ""))
        return SKIP
    start, bad = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as tmp:
        if a.keep:
            os.makedirs(a.keep, exist_ok=True)
        for job in jobs:
            bad += not job(os.path.abspath(a.keep) if a.keep else tmp)
    print(f"{len(jobs)} golden checks, {bad} failed, {time.monotonic() - start:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
