#!/usr/bin/env python3
"""Writes fixtures/*.txt from the libraries that the C code has to equal.

  python3 make_fixtures.py [FIXTURES_DIR]     needs numpy, Pillow 13, scipy, opencv-python-headless, pycocotools

Masks are COCO run-length text. Run it again only to add cases; the files are part of the tests.
"""
import hashlib
import os
import sys

import cv2
import numpy as np
from PIL import Image
from pycocotools import mask as coco
from scipy import ndimage

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "fixtures")
rng = np.random.default_rng(11)


def rle(m):
    return coco.encode(np.asfortranarray(m.astype(np.uint8)))["counts"].decode()


def blob(h, w, n=4):
    m = np.zeros((h, w), np.uint8)
    for _ in range(n):
        c = (int(rng.integers(0, w)), int(rng.integers(0, h)))
        axes = (int(rng.integers(1, max(2, w // 3))), int(rng.integers(1, max(2, h // 3))))
        cv2.ellipse(m, c, axes, float(rng.integers(0, 180)), 0, 360, 1, -1)
    return m > 0


def write(name, comment, lines):
    with open(os.path.join(OUT, name), "w") as f:
        f.write("# " + comment + "\n" + "".join(x + "\n" for x in lines))


def masks():
    yield np.zeros((1, 1), bool)
    yield np.ones((1, 1), bool)
    for h, w in ((1, 9), (9, 1), (3, 64), (64, 3), (5, 65), (17, 127), (33, 128)):
        for p in (0, 0.1, 0.5, 0.95, 1):
            yield rng.random((h, w)) < p
    yield (np.indices((8, 70)).sum(0) % 2).astype(bool)
    for _ in range(6):
        yield blob(int(rng.integers(40, 90)), int(rng.integers(40, 150)))
    yield blob(720, 1280)


def write_rle():
    rows = []
    for m in masks():
        h, w = m.shape
        packed = np.packbits(m, axis=-1).tobytes()
        rows.append(f"{h} {w} {int(m.sum())} {hashlib.sha256(packed).hexdigest()} {rle(m)}")
    write("rle.txt", "h w area sha256(numpy.packbits, axis -1) pycocotools text", rows)


def write_centers():
    """cv2's distances differ in the last bit between its code paths; equal ones are settled on the exact squares."""
    rows = []
    for m in masks():
        if not m.any():
            continue
        d = cv2.distanceTransform(np.pad(m.astype(np.uint8), 1), cv2.DIST_L2, 0)[1:-1, 1:-1]
        d = np.rint(d.astype(np.float64) ** 2)
        i = int(np.argmax(d))
        ys, xs = np.nonzero(m)
        rows.append(f"{m.shape[0]} {m.shape[1]} {i % m.shape[1]} {i // m.shape[1]} {xs.mean():.9g} {ys.mean():.9g} "
                    f"{xs.min()} {ys.min()} {xs.max()} {ys.max()} {rle(m)}")
    write("prompts.txt", "h w center_x center_y mean_x mean_y x0 y0 x1 y1 mask", rows)


def write_clicks():
    """Ground truth and a mask shown: what upstream's rule clicks on. As above, settled on the exact squares."""
    own = np.random.default_rng(12)
    pairs = []
    for h, w in ((1, 1), (1, 9), (9, 1), (3, 64), (17, 127), (33, 128), (40, 65)):
        for p, q in ((0.5, 0.5), (0.9, 0.2), (0.2, 0.9), (0, 1), (1, 0), (0, 0), (1, 1)):
            pairs.append((own.random((h, w)) < p, own.random((h, w)) < q))
    for _ in range(12):
        gt = blob(int(own.integers(40, 90)), int(own.integers(40, 150)))
        pairs += [(gt, np.roll(gt, own.integers(-9, 10, 2), (0, 1))), (gt, blob(*gt.shape)), (gt, gt & (own.random(gt.shape) < 0.9)), (gt, gt)]
    left = np.zeros((20, 40), bool)
    left[5:12, 4:11] = True
    pairs += [(left, left[:, ::-1]), (left[:, ::-1], left)]  # both kinds of error equally deep
    rows = []
    for gt, shown in pairs:
        peaks = []
        for error in (gt & ~shown, ~gt & shown):
            d = cv2.distanceTransform(np.pad(error.astype(np.uint8), 1), cv2.DIST_L2, 0)[1:-1, 1:-1]
            peaks.append(np.rint(d.astype(np.float64) ** 2).ravel())
        missed, extra = peaks
        label = int(missed.max() > extra.max())
        y, x = divmod(int(np.argmax(missed if label else extra)), gt.shape[1])
        rows.append(f"{gt.shape[0]} {gt.shape[1]} {x} {y} {label} {rle(gt)} {rle(shown)}")
    write("clicks.txt", "h w x y label ground_truth mask_shown", rows)


def spiral(n):
    m = np.zeros((n, n), bool)
    y, x, dy, dx, lo, hi = 0, 0, 0, 1, 0, n - 1
    m[0, 0] = True
    for length in [n - 1] + [k for j in range(n - 1, 1, -2) for k in (j, j)]:
        for _ in range(length):
            if not (0 <= y + dy < n and 0 <= x + dx < n):
                break
            y, x = y + dy, x + dx
            m[y, x] = True
        dy, dx = dx, -dy
    return m


def write_components():
    shapes = [rng.random((int(rng.integers(1, 40)), int(rng.integers(1, 70)))) < p for p in (0.1, 0.3, 0.4, 0.5, 0.6, 0.9) for _ in range(4)]
    comb = np.zeros((20, 41), bool)
    comb[:, ::2] = True
    comb[-1] = True
    comb_up = comb[::-1].copy()
    zigzag = np.zeros((20, 41), bool)
    zigzag[np.abs(np.arange(41) % 20 - 10) + 3, np.arange(41)] = True
    shapes += [comb, comb_up, zigzag, spiral(31), ~spiral(31), np.eye(17, dtype=bool), np.eye(17, dtype=bool)[:, ::-1],
               (np.indices((15, 22)).sum(0) % 2).astype(bool), np.ones((7, 5), bool), np.zeros((7, 5), bool), blob(256, 256, 40) ^ (rng.random((256, 256)) < 0.01)]
    rows = []
    for m in shapes:
        lab, n = ndimage.label(m, np.ones((3, 3)))
        first = np.concatenate([[0], np.array(ndimage.minimum(np.arange(m.size).reshape(m.shape), lab, np.arange(1, n + 1)), np.int64) + 1]).astype(np.int64) if n else np.zeros(1, np.int64)
        area = np.bincount(lab.ravel(), minlength=n + 1)
        area[0] = 0
        labels, areas = first[lab].astype("<i4"), area[lab].astype("<i4")
        filled = [m & (areas <= a) for a in (1, 8, 30)]
        rows.append(f"{m.shape[0]} {m.shape[1]} {hashlib.sha256(labels.tobytes()).hexdigest()} {hashlib.sha256(areas.tobytes()).hexdigest()} "
                    + " ".join(str(int(x.sum())) for x in filled) + f" {rle(m)} {rle(filled[1])}")
    write("components.txt", "h w sha256(labels int32) sha256(areas int32) pixels in components of at most 1, 8, 30 | mask | those of at most 8; scipy, 8-connected", rows)


def write_resize():
    rows = []
    sizes = [(720, 1280, 256, 256), (1280, 720, 256, 256), (848, 480, 512, 512), (480, 848, 512, 512), (1, 1, 5, 7), (5, 7, 1, 1),
             (3, 2, 64, 64), (100, 100, 100, 50), (100, 100, 50, 100), (64, 64, 64, 64), (93, 13, 23, 5), (90, 56, 16, 19), (117, 60, 101, 52),
             (78, 45, 66, 40), (300, 5, 30, 40)]
    sizes += [tuple(int(v) for v in rng.integers(1, 130, 4)) for _ in range(30)]
    for h, w, oh, ow in sizes:
        i = np.arange(h * w * 3, dtype=np.uint64)
        v = ((i * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)) >> np.uint64(24)
        out = np.asarray(Image.fromarray(v.astype(np.uint8).reshape(h, w, 3)).resize((ow, oh)))
        rows.append(f"{h} {w} {oh} {ow} {hashlib.sha256(out.tobytes()).hexdigest()}")
    write("resize.txt", "in_h in_w out_h out_w sha256(RGB); input byte i is bits 24..31 of i * 2654435761; Pillow " + Image.__version__, rows)


def write_decode():
    rows = []
    for path in ("golden/clips/JPEGImages_24fps/sav_900001/00000.jpg", "golden/clips/JPEGImages_24fps/sav_900002/00000.jpg", "core/fixtures/grey.jpg",
                 "core/fixtures/444.jpg", "core/fixtures/progressive.jpg"):
        full = os.path.join(HERE, "..", path)
        if not os.path.exists(full):
            a = ((np.indices((37, 53)).sum(0) * 5) % 256).astype(np.uint8)
            rgb = np.stack([a, a[::-1], 255 - a], -1)
            {"grey.jpg": lambda: Image.fromarray(a).save(full, quality=85), "444.jpg": lambda: Image.fromarray(rgb).save(full, quality=95, subsampling=0),
             "progressive.jpg": lambda: Image.fromarray(rgb).save(full, quality=80, progressive=True)}[os.path.basename(path)]()
        a = np.asarray(Image.open(full).convert("RGB"))
        rows.append(f"{path} {a.shape[0]} {a.shape[1]} {hashlib.sha256(a.tobytes()).hexdigest()}")
    write("decode.txt", "file h w sha256(RGB as Pillow decodes it)", rows)
    cmyk = os.path.join(OUT, "cmyk.jpg")
    if not os.path.exists(cmyk):
        Image.new("CMYK", (9, 7), (10, 20, 30, 40)).save(cmyk)


def write_png():
    """Files of every kind of mask, and of what is none."""
    m = blob(23, 37)
    m[0, 0] = False
    p = Image.frombytes("P", (37, 23), m.astype(np.uint8).tobytes())
    p.putpalette([0, 0, 0, 128, 0, 0] + [64] * (254 * 3))
    p.save(os.path.join(OUT, "palette.png"))
    p.save(os.path.join(OUT, "palette1.png"), bits=1)
    Image.fromarray(m.astype(np.uint8) * 255).save(os.path.join(OUT, "grey.png"))
    Image.fromarray(m).save(os.path.join(OUT, "bilevel.png"))
    Image.fromarray(m.astype(np.uint16) * 65535).save(os.path.join(OUT, "grey16.png"))
    Image.fromarray(np.stack([m.astype(np.uint8) * 255] * 3, -1)).save(os.path.join(OUT, "rgb.png"))
    write("png.txt", "h w mask in palette.png, palette1.png, grey.png and bilevel.png", [f"23 37 {rle(m)}"])


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    write_rle()
    write_centers()
    write_components()
    write_resize()
    write_decode()
    write_png()
    write_clicks()
