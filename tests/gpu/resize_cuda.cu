#include "resize_cuda.h"

__global__ void resize(float *out, int out_h, int out_w, const float *in, int h, int w)
{
  const int x = (int)(blockIdx.x * blockDim.x + threadIdx.x), y = (int)(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= out_w || y >= out_h)
    return;
  const float sx = fmaxf(((float)x + 0.5f) * (float)w / (float)out_w - 0.5f, 0.0f);
  const float sy = fmaxf(((float)y + 0.5f) * (float)h / (float)out_h - 0.5f, 0.0f);
  const int x0 = (int)sx, y0 = (int)sy, x1 = min(x0 + 1, w - 1), y1 = min(y0 + 1, h - 1);
  const float fx = sx - (float)x0, fy = sy - (float)y0;
  const float *mask = in + (size_t)blockIdx.z * (size_t)h * (size_t)w;
  const float above = mask[y0 * w + x0] * (1.0f - fx) + mask[y0 * w + x1] * fx;
  const float below = mask[y1 * w + x0] * (1.0f - fx) + mask[y1 * w + x1] * fx;
  out[((size_t)blockIdx.z * (size_t)out_h + (size_t)y) * (size_t)out_w + (size_t)x] = above * (1.0f - fy) + below * fy;
}

extern "C" void resize_queue(float *out_dev, int out_h, int out_w, const float *in_dev, int n, int h, int w)
{
  const dim3 threads(32, 8), blocks((unsigned)(out_w + 31) / 32, (unsigned)(out_h + 7) / 8, (unsigned)n);
  resize<<<blocks, threads>>>(out_dev, out_h, out_w, in_dev, h, w);
}
