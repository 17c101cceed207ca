"""The official Python video predictor on a CPU, timed: the other side of cpu_bench.py.

  upstream.py --repo DIR --model NAME --frames DIR --checkpoint FILE --size S --dtype D --threads N --limit N --point X,Y

DIR is a checkout of EdgeTAM, or of SAM 2 for the models sam2*; it is used as it is, without hydra, iopath and torchvision, which inference does not need
but its modules import. Prints one line of JSON: seconds per frame, the first (prompted, cold) left out; the clip is
loaded before the clock starts. Needs torch, numpy, pillow, pyyaml and, for EdgeTAM, timm.
"""
import argparse
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import statistics
import sys
import tempfile
import time
import types

ABSENT = ("torchvision", "hydra", "omegaconf", "iopath")


class Nothing(type):
    """A class that has every attribute, each again such a class, and does nothing."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(name, (), {"__init__": lambda self, *a, **k: None})

    def __iter__(cls):
        return iter(())


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a hollow module for what inference never calls."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: getattr(Nothing(spec.name, (), {}), name)
        module.__version__ = "0.99.0"
        return module

    def exec_module(self, module):
        if module.__name__ == "hydra.core.global_hydra":  # asked at import whether it is initialised
            module.GlobalHydra = types.SimpleNamespace(instance=lambda: types.SimpleNamespace(is_initialized=lambda: True))


def instantiate(node):
    """A hydra configuration node: dictionaries with _target_ become objects."""
    if isinstance(node, dict):
        kw = {k: instantiate(v) for k, v in node.items() if k != "_target_"}
        if "_target_" not in node:
            return kw
        module, name = node["_target_"].rsplit(".", 1)
        return getattr(importlib.import_module(module), name)(**kw)
    if isinstance(node, list):
        return [instantiate(v) for v in node]
    if isinstance(node, str) and "e-" in node:  # YAML 1.1 reads 1e-6 as text
        with contextlib.suppress(ValueError):
            return float(node)
    return node


def build(repo, name, size):
    """The predictor as build_sam2_video_predictor configures it, at another image size; no hole filling."""
    import yaml

    config = "edgetam.yaml"
    if name == "edgetam":
        import timm.models

        create = timm.models.create_model
        timm.models.create_model = lambda name, pretrained=False, **k: create(name, pretrained=False, **k)  # no download
    else:
        family, trunk = name.split("_")  # sam2.1_b+: sam2.1/sam2.1_hiera_b+.yaml
        config = os.path.join(family, f"{family}_hiera_{trunk}.yaml")
    with open(os.path.join(repo, "sam2", "configs", config)) as f:
        c = yaml.safe_load(f)["model"]
    c["_target_"] = "sam2.sam2_video_predictor.SAM2VideoPredictor"
    c["image_size"], c["compile_image_encoder"], c["fill_hole_area"] = size, False, 0
    c["binarize_mask_from_pts_for_mem_enc"] = True
    c["sam_mask_decoder_extra_args"] = dict(dynamic_multimask_via_stability=True, dynamic_multimask_stability_delta=0.05,
                                            dynamic_multimask_stability_thresh=0.98)
    if name == "edgetam":  # its rotary tables are made from the configuration, not from the image size
        c["memory_attention"]["layer"]["cross_attention"]["q_sizes"] = [size // 16, size // 16]
    return instantiate(c).eval()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("repo", "model", "frames", "checkpoint", "dtype", "point"):
        p.add_argument("--" + name, required=True)
    for name in ("size", "threads", "limit"):
        p.add_argument("--" + name, type=int, required=True)
    a = p.parse_args()
    sys.meta_path.insert(0, StandIn())
    sys.path.insert(0, a.repo)
    import numpy as np
    import torch

    torch.set_num_threads(a.threads)
    model = build(a.repo, a.model, a.size)
    weights = torch.load(a.checkpoint, map_location="cpu", weights_only=True)["model"]
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()}, strict=True)
    import sam2.sam2_video_predictor
    import sam2.utils.misc

    sam2.utils.misc.tqdm = sam2.sam2_video_predictor.tqdm = lambda x, **k: x
    autocast = contextlib.nullcontext() if a.dtype == "float32" else torch.autocast("cpu", dtype=getattr(torch, a.dtype))
    with tempfile.TemporaryDirectory() as clip, torch.inference_mode(), autocast:
        for name in sorted(os.listdir(a.frames))[: a.limit]:
            os.symlink(os.path.abspath(os.path.join(a.frames, name)), os.path.join(clip, name))
        state = model.init_state(clip)
        model.add_new_points_or_box(state, 0, 1, points=np.array([a.point.split(",")], np.float32), labels=np.array([1], np.int32))
        seconds, last = [], None
        for _ in model.propagate_in_video(state):
            now = time.perf_counter()
            if last is not None:
                seconds.append(now - last)
            last = now
    print(json.dumps({"median_s": statistics.median(seconds), "frames": len(seconds), "torch": torch.__version__}))


if __name__ == "__main__":
    main()
