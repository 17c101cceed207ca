#!/usr/bin/env python3
"""What the GPU gives, measured: matrix products per dtype, copies, attention on the models' shapes, launches.

  ceilings.py            needs torch; prints one object of JSON, in some seconds

GPU time by events, median of several runs. gemm_tflops: products of 8192 x 8192. copy_gbs: read and written bytes of a copy on the
device; to_device_gbs, to_host_gbs from and to pinned memory. launch_us: a kernel of no work, launched one by one (host
time) and replayed in a CUDA graph (device time from one to the next): no frame of n kernels in a row takes less than n times that.
attention: forward, ms and TFLOP/s by backend; null where the backend does not take the shape.
"""
import json
import statistics
import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

GEMM, COPY_BYTES = 8192, 1 << 30
# (batch, heads, queries, keys, head size): SAM 2 with a full bank; the same, 16 objects; self-attention; EdgeTAM with a full bank
SHAPES = {"sam2 cross": (1, 1, 4096, 28736, 256), "sam2 cross, 16 objects": (16, 1, 4096, 28736, 256), "self": (1, 1, 4096, 4096, 256),
          "edgetam cross": (1, 1, 4096, 3648, 256)}
BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
DTYPES = {"float32": torch.float32, "tf32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def milliseconds(call, n=10, warm=3):
    for _ in range(warm):
        call()
    marks = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(n)]
    for begin, end in marks:
        begin.record()
        call()
        end.record()
    torch.cuda.synchronize()
    return statistics.median(b.elapsed_time(e) for b, e in marks)


def gemm(dtype):
    torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
    a, b = (torch.randn(GEMM, GEMM, device="cuda").to(DTYPES[dtype]) for _ in range(2))
    return round(2 * GEMM**3 / milliseconds(lambda: a @ b) / 1e9, 1)


def copy(source, target):
    a, b = (torch.zeros(COPY_BYTES, dtype=torch.uint8, device=d, pin_memory=d == "cpu") for d in (source, target))
    return round(COPY_BYTES / milliseconds(lambda: b.copy_(a, non_blocking=True)) / 1e6, 1)


def attention(shape, backend):
    batch, heads, queries, keys, size = shape
    q = torch.randn(batch, heads, queries, size, device="cuda", dtype=torch.bfloat16)
    k, v = (torch.randn(batch, heads, keys, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    try:
        with sdpa_kernel(backend):
            ms = milliseconds(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v))
    except RuntimeError:
        return None
    return {"ms": round(ms, 4), "tflops": round(4 * batch * heads * queries * keys * size / ms / 1e9, 1)}


def launches(n=1000):
    x = torch.zeros(1, device="cuda")
    x.add_(1)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(n):
        x.add_(1)
    eager = (time.perf_counter() - begin) / n * 1e6
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(n):
            x.add_(1)
    return {"one_by_one": round(eager, 2), "in_graph": round(milliseconds(graph.replay) / n * 1e3, 2)}


def main():
    p = torch.cuda.get_device_properties(0)
    out = {"device": p.name, "multiprocessors": p.multi_processor_count, "memory_gib": round(p.total_memory / 2**30, 1),
           "torch": torch.__version__, "cudnn": torch.backends.cudnn.version()}
    with torch.no_grad():
        out["gemm_tflops"] = {dtype: gemm(dtype) for dtype in DTYPES}
        out["copy_gbs"] = round(2 * copy("cuda", "cuda"), 1)
        out["to_device_gbs"], out["to_host_gbs"] = copy("cpu", "cuda"), copy("cuda", "cpu")
        out["launch_us"] = launches()
        out["attention"] = {name: {b: attention(shape, backend) for b, backend in BACKENDS.items()} for name, shape in SHAPES.items()}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
