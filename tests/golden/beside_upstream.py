#!/usr/bin/env python3
"""SAM 2 models beside the official Python predictor, on real video, in float32 with the bfloat16 bank.

  PYTHON beside_upstream.py --savbench build/release/savbench --upstream SAM2_CHECKOUT --data DIR --weights DIR
                            [--models sam2.1_t,sam2.1_b+] [--prompts point,mask] [--sequences A,B|all] [--frames 8]
                            [--image-size 1024] [--device cpu|cuda] [--threads 2] [--keep DIR]

PYTHON has torch, numpy, h5py, pillow and pyyaml. --data is a folder in the SA-V layout, --weights one of official
checkpoints named MODEL.pt, which both sides read. Of each sequence the first masklet is tracked from its
first annotated frame on, from the prompts that `savbench run` makes there (point: rule center); the video is --frames long
to both. The prompts are objects of one call on each side: in float32 none depends on another. On a GPU both sides compute
in IEEE float32, TF32 off.

A case is a model, a sequence and a prompt. It holds when compare.py's default tolerances do (logits, masks, object
scores, pointers, memories of every frame) and when J&F against the ground truth (0..1) differs by at most 1e-3. Every
annotated frame is scored, the first and the last too, by a scorer of this script.

Exit code: 0 all hold, 1 one does not, 2 usage, 77 not run: the line says what is missing.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "bench")]
SKIP = 77


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIP)


try:
    import h5py
    import numpy as np
    import PIL.Image
    import torch
    import upstream
    import yaml  # noqa: F401 (upstream.py reads the configurations with it)
    from official import Official
    from run import write_png
except ImportError as missing:
    skip(f"{sys.executable}: {missing}")

COMPARED = re.compile(r"worst difference / std (\S+) \(limit \S+\), worst IoU (\S+) \(limit \S+\), (\d+) failures")
JF_LIMIT = 1e-3


def output_of(command, may_fail=False):
    r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if r.returncode and not may_fail:
        sys.exit(f"exit code {r.returncode} from {' '.join(command)}\n{r.stdout[-2000:]}{r.stderr[-2000:]}")
    return r.stdout


class Sequence:
    """A video of the data set, cut to its first frames, and its first masklet."""

    def __init__(self, data, name, n_frames):
        self.name, self.n_frames = name, n_frames
        self.frames = os.path.join(data, "JPEGImages_24fps", name)
        masks = os.path.join(data, "Annotations_6fps", name)
        masks = os.path.join(masks, sorted(os.listdir(masks))[0])
        self.jpegs = sorted(os.listdir(self.frames))[:n_frames]
        self.truth = [os.path.join(masks, f) for f in sorted(os.listdir(masks)) if f[:-4] + ".jpg" in self.jpegs]
        self.annotated = [self.jpegs.index(os.path.basename(f)[:-4] + ".jpg") for f in self.truth]
        self.prompt_frame = self.annotated[0]
        self.mask = np.array(PIL.Image.open(self.truth[0])) > 0

    def center(self):
        """(x, y) of the pixel farthest from what is not the object, the first in row order; outside is not the object."""
        mask = np.pad(self.mask, 1)
        rows, x = np.arange(mask.shape[0]), np.arange(mask.shape[1])
        above = rows[:, None] - np.maximum.accumulate(np.where(mask, 0, rows[:, None]), axis=0)
        below = np.minimum.accumulate(np.where(mask, rows[-1], rows[:, None])[::-1], axis=0)[::-1] - rows[:, None]
        vertical = np.minimum(above, below) ** 2
        squared = np.stack([np.min((x[:, None] - x) ** 2 + row, axis=1) for row in vertical])[1:-1, 1:-1]
        y, x = divmod(int(np.argmax(squared)), squared.shape[1])
        return x, y


def track(a, model, sequence, prompts, work):
    """The dump of `savbench track`: the prompts are its objects 1, 2, ..."""
    png, dump = os.path.join(work, sequence.name + ".png"), os.path.join(work, f"{model}_{sequence.name}_savbench.h5")
    write_png(png, sequence.mask)
    spec = {"mask": "mask:" + png, "point": "point:{},{},1".format(*sequence.center())}
    command = [a.savbench, "track", "--model", model, "--checkpoint", os.path.join(a.weights, model + ".pt"), "--frames", sequence.frames,
               "--image-size", str(a.image_size), "--limit-frames", str(sequence.n_frames), "--dtype", "float32", "--bank-dtype", "bfloat16",
               "--device", a.device, "--threads", str(a.threads), "--dump", dump]
    for i, prompt in enumerate(prompts):
        command += ["--object", f"{i + 1}@{sequence.prompt_frame}:{spec[prompt]}"]
    output_of(command)
    return dump


def boundary(mask):
    """Pixels that differ from their right, lower or lower right neighbour, as sav_benchmark.py's."""
    right, below, both = mask.copy(), mask.copy(), mask.copy()
    right[:, :-1], below[:-1], both[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
    edge = (mask != right) | (mask != below) | (mask != both)
    edge[-1], edge[:, -1] = (mask != right)[-1], (mask != below)[:, -1]
    edge[-1, -1] = False
    return edge


def dilated(mask, radius):
    """By a disk: x^2 + y^2 <= radius^2."""
    h, w = mask.shape
    sums = np.cumsum(np.pad(mask, ((0, 0), (radius + 1, radius))), axis=1)
    out = np.zeros_like(mask)
    for dy in range(-radius, radius + 1):
        half = int((radius**2 - dy**2) ** 0.5)
        wide = sums[:, radius + half + 1 : radius + half + 1 + w] > sums[:, radius - half : radius - half + w]
        out[max(0, dy) : h + min(0, dy)] |= wide[max(0, -dy) : h - max(0, dy)]
    return out


def jf(mask, truth):
    """(J + F) / 2 of a frame, 0..1."""
    union = np.count_nonzero(mask | truth)
    j = np.count_nonzero(mask & truth) / union if union else 1.0
    p, t = boundary(mask), boundary(truth)
    n_p, n_t = np.count_nonzero(p), np.count_nonzero(t)
    if not n_p or not n_t:
        return (j + (n_p == n_t)) / 2
    radius = int(np.ceil(0.008 * np.hypot(*mask.shape)))
    precision, recall = np.count_nonzero(p & dilated(t, radius)) / n_p, np.count_nonzero(t & dilated(p, radius)) / n_t
    return (j + (2 * precision * recall / (precision + recall) if precision + recall else 0.0)) / 2


def mean_jf(sequence, packed, frames):
    """Over the annotated frames; all count, since the first shows the object."""
    width = sequence.mask.shape[1]
    of = {t: np.unpackbits(packed[i], axis=-1)[:, :width].astype(bool) for i, t in enumerate(frames)}
    return float(np.mean([jf(of[t], np.array(PIL.Image.open(file)) > 0) for file, t in zip(sequence.truth, sequence.annotated)]))


def check_model(a, model, sequences, prompts, work):
    """Every sequence and prompt of a model; the number of cases that do not hold."""
    start, bad, worst = time.monotonic(), 0, {p: [0.0, 1.0, 0.0] for p in prompts}
    scores = {p: [] for p in prompts}
    official = Official(a.upstream, model, os.path.join(a.weights, model + ".pt"), a.image_size, a.device, a.threads)
    for s in sequences:
        dump = track(a, model, s, prompts, work)
        with h5py.File(dump) as ours:
            rows = official.track(s, prompts, int(ours.attrs["low_step"]))
            for i, p in enumerate(prompts):
                case = os.path.join(work, f"{model}_{s.name}_{p}_official.h5")
                with h5py.File(case, "w") as f:
                    f.attrs["bank"] = "bfloat16"
                    for name, values in rows[p].items():
                        f[f"obj{i + 1}/{name}"] = values
                mine = ours[f"obj{i + 1}"]
                text = output_of([sys.executable, os.path.join(HERE, "compare.py"), case, dump, "-q"], may_fail=True)
                found = COMPARED.search(text) or sys.exit("no summary from compare.py: " + text)
                rel, iou = float(found[1]), float(found[2])
                both = [mean_jf(s, side["mask_packed"][()], list(side["frames"][()])) for side in (mine, rows[p])]
                apart = abs(both[0] - both[1])
                scores[p].append(both)
                worst[p] = [max(worst[p][0], rel), min(worst[p][1], iou), max(worst[p][2], apart)]
                holds = found[3] == "0" and apart <= JF_LIMIT
                bad += not holds
                print(f"{'ok  ' if holds else 'FAIL'} {model} {s.name} {p}: worst difference / std {rel:.3g}, least IoU {iou:.6f}, "
                      f"J&F {both[0]:.5f}, official {both[1]:.5f}" + text[found.end():].rstrip(), flush=True)
    for p in prompts:
        ours, theirs = np.mean(scores[p], axis=0)
        print(f"{model} {p}: worst difference / std {worst[p][0]:.3g}, least IoU {worst[p][1]:.6f}, J&F {ours:.5f}, official {theirs:.5f}, "
              f"a sequence's at most {worst[p][2]:.2g} apart", flush=True)
    print(f"{model}: {len(sequences)} sequences of {a.frames} frames, {time.monotonic() - start:.0f} s")
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("savbench", "upstream", "data", "weights"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--models", default="sam2.1_t,sam2.1_b+")
    p.add_argument("--prompts", default="point,mask")
    p.add_argument("--sequences", default="all")
    p.add_argument("--frames", type=int, default=8)
    p.add_argument("--image-size", type=int, default=1024)
    p.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--keep", help="new folder for the dumps and masks, which else are removed")
    a = p.parse_args()
    a.savbench = os.path.abspath(a.savbench)
    models, prompts = a.models.split(","), a.prompts.split(",")
    if not set(prompts) <= {"point", "mask"}:
        p.error(f"--prompts {a.prompts}: point and mask are known")
    for path in [os.path.join(a.upstream, "sam2"), os.path.join(a.data, "Annotations_6fps")] + [os.path.join(a.weights, m + ".pt") for m in models]:
        if not os.path.exists(path):
            skip(path + " is not there")
    sys.path.insert(0, a.upstream)
    sys.meta_path.append(upstream.StandIn())
    if a.device == "cuda" and not torch.cuda.is_available():
        skip(f"--device cuda: torch {torch.__version__} of {sys.executable} finds no GPU")
    names = sorted(os.listdir(os.path.join(a.data, "Annotations_6fps"))) if a.sequences == "all" else a.sequences.split(",")
    sequences = [Sequence(a.data, n, a.frames) for n in names]
    with tempfile.TemporaryDirectory() as work:
        if a.keep:
            work = os.path.abspath(a.keep)
            os.makedirs(work)
        bad = sum(check_model(a, m, sequences, prompts, work) for m in models)
    print(f"{len(models) * len(prompts) * len(sequences)} cases of {a.frames} frames at {a.image_size}, {a.device}, torch {torch.__version__}: {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
