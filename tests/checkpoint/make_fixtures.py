#!/usr/bin/env python3
"""Writes fixtures/: what torch.save makes of small state dicts, and of things that are none.

  make_fixtures.py [FOLDER]     needs torch; the committed files were made with torch 2.13.0

good_*.pt come with a .txt that lists what a reader must find: key, dtype, shape, then every element in row-major
order. bad_*.pt must be refused; test_checkpoint.c says with which words.
"""
import os
import sys
import zipfile

import torch
from torch import nn


def describe(tensors, path):
    with open(path, "w") as f:
        for key, t in tensors.items():
            shape = "x".join(map(str, t.shape)) or "scalar"
            values = " ".join(repr(float(v)) for v in t.detach().contiguous().to(torch.float64).flatten())
            print(key, str(t.dtype).removeprefix("torch."), shape, values, file=f)


def types_and_views():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 4
    half = torch.arange(6, dtype=torch.float16) - 2.5
    return {
        "f32": base,
        "f16": half,
        "bf16": torch.tensor([1.0, -2.5, 3e30], dtype=torch.bfloat16),
        "f64": torch.tensor([[1 / 3]], dtype=torch.float64),
        "i64": torch.tensor(-(2**40), dtype=torch.int64),
        "i32": torch.tensor([1, -2], dtype=torch.int32),
        "u8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "view.transposed": base.t(),
        "view.slice": base[1:3, 1::2],
        "view.last": base[3, 5],
        "view.shared": half[2:],
        "empty": torch.zeros(0, 3),
        "four.dims": torch.arange(16, dtype=torch.float32).reshape(2, 2, 2, 2).permute(3, 1, 0, 2),
    }


def good(folder):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    extras = {
        "epoch": 7, "lr": 1e-3, "none": None, "flag": True, "off": False, "negative": -1, "large": 2**40,
        "huge": -(2**90), "name": "a\u00e9\n", "list": [1, [2, {"x": ()}]], "tuple": (1, 2, 3, 4), "one": (1,),
        "optimizer": optimizer.state_dict(),
    }
    state = module.state_dict()
    cases = {
        "good_types": (types_and_views(), {"model": types_and_views()}),
        "good_state_dict": (state, state),  # an OrderedDict with _metadata
        "good_training": (state, {"state_dict": state, **extras}),
        "good_parameters": (dict(module.named_parameters()), {"model": dict(module.named_parameters())}),
        "good_float16": ({k: v.half() for k, v in state.items()}, {"model": {k: v.half() for k, v in state.items()}}),
    }
    for name, (tensors, saved) in cases.items():
        torch.save(saved, f"{folder}/{name}.pt")
        describe(tensors, f"{folder}/{name}.txt")


def bad(folder):
    one = torch.ones(2)
    tagged = nn.Parameter(torch.ones(2))
    tagged.note = 1
    cases = {
        "module": nn.Linear(2, 2),
        "tagged_parameter": {"p": tagged},
        "uint16": {"x": torch.ones(2, dtype=torch.uint16)},
        "complex": {"x": torch.ones(2, dtype=torch.complex64)},
        "negated": {"x": torch.ones(2, dtype=torch.complex64).conj().imag},
        "expanded": {"x": one.expand(3, 2)},
        "mixed": {"x": one, "epoch": 1},
        "list": [one],
        "no_tensors": {"model": {}},
        "size": {"x": one, "size": one.shape},
        "int_key": {1: one},
    }
    for name, value in cases.items():
        torch.save(value, f"{folder}/bad_{name}.pt")
    torch.save({"x": one}, f"{folder}/bad_protocol.pt", pickle_protocol=4)
    torch.save({"x": one}, f"{folder}/bad_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({"x": one}, f"{folder}/bad_deflated.pt")
    with zipfile.ZipFile(f"{folder}/bad_deflated.pt") as z:
        records = [(n, z.read(n)) for n in z.namelist()]
    with zipfile.ZipFile(f"{folder}/bad_deflated.pt", "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in records:
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
    os.makedirs(folder, exist_ok=True)
    good(folder)
    bad(folder)


if __name__ == "__main__":
    main()
