#!/usr/bin/env python3
"""The work of a frame: what gpu_bench.py holds times against. Counted on the official modules; nothing is computed.

  work.py --sam2 DIR --edgetam DIR [--models LIST] [--size 1024] --out work.json

Each matrix product, convolution and attention of a tracked frame with one object and a full bank (7 memories, 16
pointers) is a row [FLOP, values moved, times]: a multiplication and an addition are two, values are those that the operation reads (weights too)
and writes, each once. All else is taken as fused into these. By the roofline a device cannot be faster than the sum over rows of the longer
of FLOP over its matrix rate and bytes over its memory's. In the file: {model: {stage: rows}}.
"""
import argparse
import collections
import importlib
import json
import math
import sys

import torch
import torch.fx.experimental._config
import upstream
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

MEMORIES, POINTERS = 7, 16


class Count(TorchDispatchMode):
    """Rows of what runs under it. Attention is one operation, whatever the device would make of it."""

    def __init__(self):
        super().__init__()
        self.rows = collections.Counter()

    def add(self, flop, tensors):
        self.rows[flop, sum(t.numel() for t in tensors)] += 1

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        flop = flop_registry.get(func._overloadpacket)
        if flop:
            self.add(flop(*args, **(kwargs or {}), out_val=out), [t for t in (*args, out) if isinstance(t, torch.Tensor)])
        return out

    def attention(self, q, k, v, **kw):
        out = q.new_empty(*q.shape[:-1], v.shape[-1])
        self.add(2 * math.prod(q.shape[:-1]) * k.shape[-2] * (q.shape[-1] + v.shape[-1]), (q, k, v, out))
        return out


def stages(model, name, size):
    """{stage: call} on tensors without data."""
    side, d = size // 16, model.hidden_dim
    pixels, spatial = side * side, 512 if name == "edgetam" else side * side  # the perceiver's latents
    n_pointer_tokens = POINTERS * d // model.mem_dim
    n_memory = MEMORIES * spatial + n_pointer_tokens
    features = torch.empty(pixels, 1, d)
    map_, high = torch.empty(1, d, side, side), [torch.empty(1, d // 8, 4 * side, 4 * side), torch.empty(1, d // 4, 2 * side, 2 * side)]
    memory = torch.empty(n_memory, 1, model.mem_dim)
    extra = {"num_spatial_mem": MEMORIES} if name == "edgetam" else {}
    return {"encode": lambda: model.forward_image(torch.empty(1, 3, size, size)),
            "attend": lambda: model.memory_attention(curr=[features], curr_pos=[features], memory=memory, memory_pos=memory,
                                                     num_obj_ptr_tokens=n_pointer_tokens, **extra),
            "mask_decode": lambda: model._forward_sam_heads(map_, high_res_features=high, multimask_output=True),
            "memorize": lambda: model._encode_new_memory([features], [(side, side)], torch.empty(1, 1, size, size), torch.empty(1, 1), False)}


def count(repo, name, size):
    model = upstream.build(repo, name, size).to("meta")
    import torch.nn.functional as F

    out, attention = {}, F.scaled_dot_product_attention
    with torch.device("meta"):
        calls = stages(model, name, size)
    for stage, call in calls.items():
        counted = Count()
        F.scaled_dot_product_attention = counted.attention
        try:
            with torch.device("meta"), counted:
                call()
        finally:
            F.scaled_dot_product_attention = attention
        out[stage] = sorted([flop, values, times] for (flop, values), times in counted.rows.items())
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sam2", required=True)
    p.add_argument("--edgetam", required=True)
    p.add_argument("--models", default="edgetam,sam2.1_t,sam2.1_s,sam2.1_b+,sam2.1_l")
    p.add_argument("--size", type=int, default=1024)
    p.add_argument("--out", required=True)
    a = p.parse_args()
    sys.meta_path.append(upstream.StandIn())
    torch.fx.experimental._config.meta_nonzero_assume_all_nonzero = True  # the prompt encoder picks padded points by a mask
    found = {}
    for name in a.models.split(","):
        repo = a.edgetam if name == "edgetam" else a.sam2
        for module in [m for m in sys.modules if m.split(".")[0] == "sam2"]:  # both packages have the name
            del sys.modules[module]
        sys.path.insert(0, repo)
        importlib.invalidate_caches()
        with torch.no_grad():  # under inference_mode a linear layer would come whole, without its product
            found[name] = count(repo, name, a.size)
        sys.path.remove(repo)
        total = {stage: sum(f * n for f, _, n in rows) / 1e9 for stage, rows in found[name].items()}
        print(f"{name}: {sum(total.values()):.1f} GFLOP; " + ", ".join(f"{stage} {g:.1f}" for stage, g in total.items()), flush=True)
    with open(a.out, "w") as f:
        f.write("{\n" + ",\n".join(f' "{name}": ' + json.dumps(s, separators=(",", ":")) for name, s in found.items()) + "\n}\n")


if __name__ == "__main__":
    main()
