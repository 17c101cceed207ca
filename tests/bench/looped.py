"""Clips of any length and number of objects, from the bundled ones: what flat_memory.py and gpu_bench.py run on."""
import os

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data")


def make_split(root, n, clip, copies=1, masklet="000"):
    """A split of one video `looped`: the clip there and back again until it has n frames; every 4th one annotated, as in
    SA-V, with `copies` objects that are all the same masklet. Links alone. Returns the folder of frames."""
    source = sorted(os.listdir(os.path.join(DATA, "JPEGImages_24fps", clip)))
    frames = os.path.join(root, "JPEGImages_24fps", "looped")
    masks = [os.path.join(root, "Annotations_6fps", "looped", f"{i:03d}") for i in range(copies)]
    for folder in [frames] + masks:
        os.makedirs(folder)
    last = len(source) - 1
    for i in range(n):
        k = i % (2 * last)
        k = k if k <= last else 2 * last - k
        os.symlink(os.path.realpath(os.path.join(DATA, "JPEGImages_24fps", clip, f"{k:05d}.jpg")), os.path.join(frames, f"{i:05d}.jpg"))
        png = os.path.join(DATA, "Annotations_6fps", clip, masklet, f"{k:05d}.png")
        for folder in masks if i % 4 == 0 and os.path.exists(png) else ():
            os.symlink(os.path.realpath(png), os.path.join(folder, f"{i:05d}.png"))
    with open(os.path.join(root, "split.txt"), "w") as f:
        f.write("looped\n")
    return frames
