"""The official Python video predictor, timed: the other side of cpu_bench.py and gpu_bench.py.

  upstream.py --repo DIR --frames DIR --cases MODEL:SIZE:DTYPE,... [--device cpu|cuda] [--point X,Y] [--limit N] [--warm N]
              [--checkpoint FILE] [--compiled] [--threads N]

DIR is a checkout of EdgeTAM, or of SAM 2 for the models sam2*; it is used as it is; what inference does not need but its modules
import (hydra, iopath, ...) may be absent. A line of JSON per case: the whole pipeline, from JPEG to mask bits on the host, in two
parts that are timed apart, since the predictor loads a clip before it tracks it: load_s_per_frame (decode, resize,
normalise, to the device) and the frame loop (median_s, total_s over `frames`, the first one, prompted, left out). stage_ms are medians of
the loop's parts by the names of METRICS.md, on CUDA by events. --warm frames are tracked and thrown away before the clock
starts. Without --checkpoint weights are random, on which speed does not depend. --compiled is the official
torch.compile configuration (vos_optimized; of EdgeTAM, which has none, its image encoder alone).
Needs torch, numpy, pillow, pyyaml and, for EdgeTAM, timm.
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
    """Finds a hollow module for what inference never calls, where it is not installed: last on sys.meta_path."""

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


def build(repo, name, size, compiled=False):
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
    c["_target_"] = "sam2.sam2_video_predictor.SAM2VideoPredictor" + ("VOS" if compiled and name != "edgetam" else "")
    c["image_size"], c["compile_image_encoder"], c["fill_hole_area"] = size, compiled, 0
    c["binarize_mask_from_pts_for_mem_enc"] = True
    c["sam_mask_decoder_extra_args"] = dict(dynamic_multimask_via_stability=True, dynamic_multimask_stability_delta=0.05,
                                            dynamic_multimask_stability_thresh=0.98)
    if name == "edgetam":  # its rotary tables are made from the configuration, not from the image size
        c["memory_attention"]["layer"]["cross_attention"]["q_sizes"] = [size // 16, size // 16]
    return instantiate(c).eval()


# The methods in which a frame's time is spent; METRICS.md has the stages.
STAGES = {"forward_image": "encode", "_prepare_memory_conditioned_features": "attend", "_forward_sam_heads": "mask_decode",
          "_encode_new_memory": "memorize", "_get_orig_video_res_output": "postprocess"}


class StageClock:
    """Milliseconds of each stage, call by call: CUDA events, or the clock on a CPU."""

    def __init__(self, model, cuda):
        import torch

        def mark():
            if not cuda:
                return time.perf_counter() * 1000
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            return event

        def timed(method, marks):
            def call(*args, **kw):
                begin = mark()
                out = method(*args, **kw)
                marks.append((begin, mark()))
                return out

            return call

        self.cuda, self.marks = cuda, {stage: [] for stage in STAGES.values()}
        for name, stage in STAGES.items():
            setattr(model, name, timed(getattr(model, name), self.marks[stage]))

    def clear(self):
        for marks in self.marks.values():
            marks.clear()

    def medians(self):
        """The first call of each is the prompted frame's."""
        ms = {stage: [b.elapsed_time(e) if self.cuda else e - b for b, e in marks[1:]] for stage, marks in self.marks.items()}
        return {stage: round(statistics.median(v), 4) for stage, v in ms.items() if v}


def track(model, clip, point):
    """One clip, loaded and tracked, its masks brought to the host: (seconds per frame of loading, seconds of each frame)."""
    import numpy as np
    import torch

    def now():
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    begin = now()
    state = model.init_state(clip)
    loaded = now()
    model.add_new_points_or_box(state, 0, 1, points=np.array([point.split(",")], np.float32), labels=np.array([1], np.int32))
    seconds, last = [], now()
    for _, _, logits in model.propagate_in_video(state):
        (logits > 0).cpu()
        seconds.append(now() - last)
        last += seconds[-1]
    return (loaded - begin) / state["num_frames"], seconds


def prepared(a, name, size, dtype, folder):
    """The model on its device, and its clip: links to the first frames."""
    import torch

    model = build(a.repo, name, size, a.compiled)
    if a.checkpoint:
        weights = torch.load(a.checkpoint, map_location="cpu", weights_only=True)["model"]
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()}, strict=True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = dtype != "float32"
    for part, n in (("warm", a.warm), ("clip", a.limit)):
        os.makedirs(os.path.join(folder, part))
        for name in sorted(os.listdir(a.frames))[:n]:
            os.symlink(os.path.realpath(os.path.join(a.frames, name)), os.path.join(folder, part, name))
    return model.to(a.device)


def run_case(a, case):
    import torch

    name, size, dtype = case.split(":")
    cuda = a.device != "cpu"
    autocast = torch.autocast("cuda" if cuda else "cpu", dtype=getattr(torch, dtype)) if dtype.endswith("16") else contextlib.nullcontext()
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(), autocast:
        begin = time.perf_counter()
        model = prepared(a, name, int(size), dtype, folder)
        if a.warm:
            track(model, os.path.join(folder, "warm"), a.point)
        warm_s = time.perf_counter() - begin
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        clock = StageClock(model, cuda)
        load_s, seconds = track(model, os.path.join(folder, "clip"), a.point)
        rest = seconds[1:]
        return {"model": name, "size": int(size), "dtype": dtype, "compiled": a.compiled, "device": torch.cuda.get_device_name() if cuda else "cpu",
                "torch": torch.__version__, "frames": len(rest), "median_s": statistics.median(rest), "total_s": sum(rest),
                "load_s_per_frame": load_s, "warm_s": round(warm_s, 1), "stage_ms": clock.medians(),
                "peak_device_bytes": torch.cuda.max_memory_allocated() if cuda else None}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("repo", "frames", "cases"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--device", default="cpu")
    p.add_argument("--point", default="424,240")
    p.add_argument("--checkpoint")
    p.add_argument("--compiled", action="store_true")
    p.add_argument("--limit", type=int)
    p.add_argument("--warm", type=int, default=0)
    p.add_argument("--threads", type=int, default=0)
    a = p.parse_args()
    sys.meta_path.append(StandIn())
    sys.path.insert(0, a.repo)
    import torch

    if a.threads:
        torch.set_num_threads(a.threads)
    import sam2.sam2_video_predictor
    import sam2.utils.misc

    sam2.utils.misc.tqdm = sam2.sam2_video_predictor.tqdm = lambda x, **k: x
    for case in a.cases.split(","):
        try:
            print(json.dumps(run_case(a, case)), flush=True)
        except Exception as e:  # another case may run
            print(json.dumps({"case": case, "compiled": a.compiled, "error": f"{type(e).__name__}: {e}"[:600]}), flush=True)


if __name__ == "__main__":
    main()
