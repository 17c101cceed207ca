/* Connected components on the device, by union-find over tiles, and the changing of small ones on top; see holes_cuda.h.
 *
 * parent[p] is a pixel of p's component not after p in row order; a root is its own parent. Links are made from the
 * later root to the earlier one alone, so the last root is the component's first pixel: the label of holes.h.
 *   1 label_tiles  components within tiles of 32 x 16 in shared memory: every pixel's parent is its tile's root, and
 *                  area[root] its pixels in the tile (0 elsewhere)
 *   2 join_tiles   roots linked across the tiles' borders
 *   3 sum_areas    tile roots point at the component's root, which gathers their areas
 *   4 change_small, or write_components: component of p = parent[parent[p]]
 * Of the pixels above only those are joined that no other pair joins anyway: with `left` and `up left` both set, the
 * left neighbour does it, and so on; horizontal neighbours are always joined.
 * Method: union by atomicMin, V. Oliveira and R. Lotufo (2010), D. Playne and K. Hawick (2018). */
#include "holes_cuda.h"

#include "holes.h"

#include <cuda_runtime_api.h>

namespace {

constexpr int TILE_W = 32; // a warp: a row of the tile is one ballot
constexpr int TILE_H = 16;
constexpr int TILE = TILE_W * TILE_H;

struct Shape { // of one mask
  int h, w;
  int tiles_x, tiles;
};

struct Place { // of a block's tile
  size_t mask; // index of the mask's first pixel
  int x, y;    // of the tile's first pixel
};

__device__ Place tile_of_block(Shape s)
{
  const int tile = (int)blockIdx.x % s.tiles, mask = (int)blockIdx.x / s.tiles;
  return {(size_t)mask * (size_t)s.h * (size_t)s.w, tile % s.tiles_x * TILE_W, tile / s.tiles_x * TILE_H};
}

// What components are made of. NaN is on neither side.
struct Set {
  using Value = uint8_t;
  static __device__ bool has(uint8_t fg) { return fg != 0; }
};
struct Background {
  using Value = float;
  static __device__ bool has(float logit) { return logit <= 0; }
};
struct Foreground {
  using Value = float;
  static __device__ bool has(float logit) { return logit > 0; }
};

// A stale parent is still a pixel of the component: reads need no order, only to be made.
__device__ int32_t root_of(const volatile int32_t *parent, int32_t i)
{
  for (int32_t next = parent[i]; next != i; next = parent[i])
    i = next;
  return i;
}

__device__ void unite(int32_t *parent, int32_t a, int32_t b)
{
  for (;;) {
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a == b)
      return;
    const int32_t late = max(a, b), early = min(a, b);
    const int32_t had = atomicMin(&parent[late], early);
    if (had == late)
      return;
    // another thread linked `late` first: what it had been linked to belongs here too
    a = had;
    b = early;
  }
}

template <class Side> __global__ void __launch_bounds__(TILE) label_tiles(int32_t *parent, int32_t *area, const typename Side::Value *in, Shape s)
{
  __shared__ uint32_t rows[TILE_H + 1]; // bits of the tile's rows after an empty one
  __shared__ int32_t local[TILE], count[TILE];
  const Place at = tile_of_block(s);
  const int tx = (int)threadIdx.x, ty = (int)threadIdx.y, i = ty * TILE_W + tx, x = at.x + tx, y = at.y + ty;
  const bool inside = x < s.w && y < s.h;
  const size_t p = at.mask + (size_t)y * (size_t)s.w + (size_t)x;
  const bool on = inside && Side::has(in[p]);
  const uint32_t row = __ballot_sync(~0u, on);
  const uint32_t gaps = ~row & ((1u << tx) - 1); // to the left
  const int run = gaps ? 32 - __clz((int)gaps) : 0;

  if (tx == 0)
    rows[ty + 1] = row;
  if (i == 0)
    rows[0] = 0;
  local[i] = ty * TILE_W + run;
  count[i] = 0;
  __syncthreads();

  if (on) {
    const uint32_t above = rows[ty];
    const bool left = (row << 1) >> tx & 1, right = (row >> 1) >> tx & 1;
    const bool up = above >> tx & 1, up_left = (above << 1) >> tx & 1, up_right = (above >> 1) >> tx & 1;
    if (up) {
      if (!(left && up_left))
        unite(local, i, i - TILE_W);
    } else {
      if (up_left && !left)
        unite(local, i, i - TILE_W - 1);
      if (up_right && !right)
        unite(local, i, i - TILE_W + 1);
    }
  }
  __syncthreads();

  const int32_t root = on ? root_of(local, i) : 0;
  if (on && run == tx) {
    const uint32_t end = ~(row >> tx);
    atomicAdd(&count[root], end ? __ffs((int)end) - 1 : TILE_W);
  }
  __syncthreads();
  if (inside) {
    parent[p] = on ? (at.y + root / TILE_W) * s.w + at.x + root % TILE_W : -1;
    area[p] = count[i];
  }
}

// A thread per pixel of the tile's first row, first column and last column.
constexpr int BORDER = TILE_W + 2 * TILE_H;

__global__ void __launch_bounds__(BORDER) join_tiles(int32_t *parent, Shape s)
{
  const Place at = tile_of_block(s);
  const int t = (int)threadIdx.x;
  const bool top = t < TILE_W, left_side = !top && t < TILE_W + TILE_H;
  const int tx = top ? t : left_side ? 0 : TILE_W - 1, ty = top ? 0 : (t - TILE_W) % TILE_H, x = at.x + tx, y = at.y + ty;
  if (x >= s.w || y >= s.h)
    return;
  parent += at.mask;
  const int32_t p = y * s.w + x;
  if (parent[p] < 0)
    return;
  const bool left = x > 0 && parent[p - 1] >= 0, right = x + 1 < s.w && parent[p + 1] >= 0;
  const bool up = y > 0 && parent[p - s.w] >= 0, up_left = y > 0 && x > 0 && parent[p - s.w - 1] >= 0;
  const bool up_right = y > 0 && x + 1 < s.w && parent[p - s.w + 1] >= 0;
  if (top) {
    if (up) {
      if (!(left && up_left))
        unite(parent, p, p - s.w);
    } else {
      if (up_left && !left)
        unite(parent, p, p - s.w - 1);
      if (up_right && !right)
        unite(parent, p, p - s.w + 1);
    }
  } else if (left_side) {
    if (left)
      unite(parent, p, p - 1);
    else if (ty > 0 && up_left && !up)
      unite(parent, p, p - s.w - 1);
  } else if (ty > 0 && up_right && !up && !right) {
    unite(parent, p, p - s.w + 1);
  }
}

__global__ void __launch_bounds__(TILE) sum_areas(int32_t *parent, int32_t *area, Shape s)
{
  const Place at = tile_of_block(s);
  const int x = at.x + (int)threadIdx.x, y = at.y + (int)threadIdx.y;
  if (x >= s.w || y >= s.h)
    return;
  parent += at.mask;
  area += at.mask;
  const int32_t p = y * s.w + x;
  if (area[p] == 0) // no tile's root
    return;
  const int32_t root = root_of(parent, p);
  if (root != p) {
    atomicAdd(&area[root], area[p]);
    *(volatile int32_t *)&parent[p] = root;
  }
}

__global__ void __launch_bounds__(TILE) change_small(float *logits, float value, unsigned long long *changed, const int32_t *parent, const int32_t *area, int max_area, Shape s)
{
  const Place at = tile_of_block(s);
  const int x = at.x + (int)threadIdx.x, y = at.y + (int)threadIdx.y;
  bool small = false;
  if (x < s.w && y < s.h) {
    const int32_t p = y * s.w + x, root = parent[at.mask + (size_t)p];
    if (root >= 0 && area[at.mask + (size_t)parent[at.mask + (size_t)root]] <= max_area) {
      logits[at.mask + (size_t)p] = value;
      small = true;
    }
  }
  const int n = __syncthreads_count(small);
  if (changed && n && threadIdx.x == 0 && threadIdx.y == 0)
    atomicAdd(changed, (unsigned long long)n);
}

__global__ void __launch_bounds__(TILE) write_components(int32_t *labels, int32_t *areas, const int32_t *parent, const int32_t *area, Shape s)
{
  const Place at = tile_of_block(s);
  const int x = at.x + (int)threadIdx.x, y = at.y + (int)threadIdx.y;
  if (x >= s.w || y >= s.h)
    return;
  const size_t p = at.mask + (size_t)y * (size_t)s.w + (size_t)x;
  const int32_t root = parent[p] < 0 ? -1 : parent[at.mask + (size_t)parent[p]];
  labels[p] = root + 1;
  areas[p] = root < 0 ? 0 : area[at.mask + (size_t)root];
}

vb_status prepare(Shape *s, int n, int h, int w, size_t workspace_bytes, vb_err *err)
{
  if (n < 1 || h < 1 || w < 1 || (int64_t)h * w >= INT32_MAX - w)
    return vb_fail(err, VB_ESHAPE, "components of %d masks of %d x %d pixels: too few or too many", n, w, h);
  s->h = h;
  s->w = w;
  s->tiles_x = (w + TILE_W - 1) / TILE_W;
  s->tiles = s->tiles_x * ((h + TILE_H - 1) / TILE_H);
  if ((int64_t)s->tiles * n > INT32_MAX)
    return vb_fail(err, VB_ESHAPE, "components of %d masks of %d x %d pixels: too many masks for one launch", n, w, h);
  if (workspace_bytes < vb_cuda_fill_holes_workspace(n, h, w))
    return vb_fail(err, VB_EARG, "components of %d masks of %d x %d pixels: a workspace of %zu bytes, %zu are needed", n, w, h, workspace_bytes,
                   vb_cuda_fill_holes_workspace(n, h, w));
  return VB_OK;
}

// Steps 1 to 3.
template <class Side> void label(int32_t *parent, int32_t *area, const typename Side::Value *in, int n, Shape s, cudaStream_t stream)
{
  const dim3 blocks((unsigned)(s.tiles * n)), threads(TILE_W, TILE_H);
  label_tiles<Side><<<blocks, threads, 0, stream>>>(parent, area, in, s);
  if (s.tiles > 1) {
    join_tiles<<<blocks, BORDER, 0, stream>>>(parent, s);
    sum_areas<<<blocks, threads, 0, stream>>>(parent, area, s);
  }
}

vb_status launched(vb_err *err)
{
  const cudaError_t e = cudaGetLastError();
  if (e == cudaSuccess)
    return VB_OK;
  return vb_fail(err, VB_ECUDA, "connected components on the device: %s; --postprocess cpu does without", cudaGetErrorString(e));
}

template <class Side>
vb_status change(float *logits_dev, float value, int n, int h, int w, int max_area, int64_t *changed_dev, void *workspace_dev, size_t workspace_bytes,
                 void *cuda_stream, vb_err *err)
{
  Shape s;
  const vb_status st = prepare(&s, n, h, w, workspace_bytes, err);
  if (st || max_area <= 0)
    return st;
  cudaStream_t stream = (cudaStream_t)cuda_stream;
  int32_t *parent = (int32_t *)workspace_dev, *area = parent + (size_t)n * (size_t)h * (size_t)w;
  label<Side>(parent, area, logits_dev, n, s, stream);
  change_small<<<(unsigned)(s.tiles * n), dim3(TILE_W, TILE_H), 0, stream>>>(logits_dev, value, (unsigned long long *)changed_dev, parent, area, max_area, s);
  return launched(err);
}

} // namespace

extern "C" vb_status vb_cuda_holes_check(vb_err *err)
{
  cudaFuncAttributes attributes;
  const cudaError_t e = cudaFuncGetAttributes(&attributes, (const void *)label_tiles<Background>);
  if (e == cudaSuccess)
    return VB_OK;
  (void)cudaGetLastError(); // it has been told
  return vb_fail(err, VB_ECUDA, "hole filling: no kernel of this build runs on the device (%s); build with its architecture in VB_CUDA_ARCHS", cudaGetErrorString(e));
}

extern "C" size_t vb_cuda_fill_holes_workspace(int n, int h, int w)
{
  return n < 1 || h < 1 || w < 1 ? 0 : (size_t)n * (size_t)h * (size_t)w * 2 * sizeof(int32_t);
}

extern "C" vb_status vb_cuda_fill_holes(float *logits_dev, int n, int h, int w, int max_area, int64_t *filled_dev, void *workspace_dev,
                                        size_t workspace_bytes, void *cuda_stream, vb_err *err)
{
  return change<Background>(logits_dev, VB_HOLE_LOGIT, n, h, w, max_area, filled_dev, workspace_dev, workspace_bytes, cuda_stream, err);
}

extern "C" vb_status vb_cuda_remove_sprinkles(float *logits_dev, int n, int h, int w, int max_area, int64_t *removed_dev, void *workspace_dev,
                                              size_t workspace_bytes, void *cuda_stream, vb_err *err)
{
  return change<Foreground>(logits_dev, VB_SPRINKLE_LOGIT, n, h, w, max_area, removed_dev, workspace_dev, workspace_bytes, cuda_stream, err);
}

extern "C" vb_status vb_cuda_label_components(int32_t *labels_dev, int32_t *areas_dev, const uint8_t *fg_dev, int n, int h, int w,
                                              void *workspace_dev, size_t workspace_bytes, void *cuda_stream, vb_err *err)
{
  Shape s;
  const vb_status st = prepare(&s, n, h, w, workspace_bytes, err);
  if (st)
    return st;
  cudaStream_t stream = (cudaStream_t)cuda_stream;
  int32_t *parent = (int32_t *)workspace_dev, *area = parent + (size_t)n * (size_t)h * (size_t)w;
  label<Set>(parent, area, fg_dev, n, s, stream);
  write_components<<<(unsigned)(s.tiles * n), dim3(TILE_W, TILE_H), 0, stream>>>(labels_dev, areas_dev, parent, area, s);
  return launched(err);
}
