/* Attention within windows; see window_cuda.h.
 *
 * A block takes some windows of a head each ("items"), or, where these would leave the device idle, a part of the queries
 * of one: their keys and values lie in shared memory whole, and a warp goes over 16 queries at a time with a running
 * maximum and sum over 32 keys each (Dao, FlashAttention-2), so that scores never leave registers. */
#include "window_cuda.h"

#include "copies.cuh"
#include "window_hopper_cuda.h"

#include <math.h>

namespace {

using vb_cuda::copy_16;
using vb_cuda::load_matrices;
using vb_cuda::load_transposed;
using vb_cuda::multiply;
using vb_cuda::over_quad;
using vb_cuda::pair;
using vb_cuda::shared_address;
using vb_cuda::wait_for_copies;

constexpr int MAX_KEYS = 256, MAX_WARPS = 8, CHUNK = 32; // keys at a time
constexpr int MAX_SHARED = 100 * 1024;                   // of a block of several items: two fit on a multiprocessor of 8.0 and 9.0

// Rows in shared memory: channels filled up to whole steps of 16, and 16 bytes more, so that eight rows meet all banks
template <int D> constexpr int padded = (D + 15) / 16 * 16;
template <int D> constexpr int pitch = padded<D> + 8;

__host__ __device__ constexpr int whole_chunks(int keys) { return (keys + CHUNK - 1) / CHUNK * CHUNK; }

struct Launch {
  vb_cuda_window a;
  int warps_per_item, items_per_block, n_items;
  float scale; // of scores, for exp2
};

// Rows of keys or values of an item to shared memory; what is behind the last key or channel is 0.
template <class T, int D> __device__ void fetch(T *to, const vb_cuda_heads &from, int64_t offset, int keys, int thread, int threads)
{
  constexpr int PIECES = pitch<D> / 8; // 16 bytes each
  const T *rows = (const T *)from.dev + offset;
  for (int i = thread; i < whole_chunks(keys) * PIECES; i += threads) {
    const int row = i / PIECES, c = (i - row * PIECES) * 8;
    const bool there = row < keys && c < D;
    const T *source = there ? rows + row * from.token + c : rows;
    copy_16(shared_address(to + row * pitch<D> + c), source, there);
  }
}

template <class T, int D> __global__ void __launch_bounds__(MAX_WARPS * 32, 2) attend(T *out, Launch l)
{
  vb_cuda::await_kernel_before();
  extern __shared__ __align__(16) unsigned char raw[];
  const vb_cuda_window &a = l.a;
  const int threads = l.warps_per_item * 32, slot = (int)threadIdx.x / threads, thread = (int)threadIdx.x % threads, lane = thread % 32;
  const int rows = whole_chunks(a.keys), item = (int)blockIdx.x * l.items_per_block + slot;
  const bool inside = item < l.n_items;
  const int window = inside ? item / a.heads : 0, head = inside ? item % a.heads : 0;
  T *k = (T *)raw + (size_t)slot * 2 * (size_t)rows * pitch<D>, *v = k + (size_t)rows * pitch<D>;

  if (inside) {
    fetch<T, D>(k, a.k, window * a.k.window + head * a.k.head, a.keys, thread, threads);
    fetch<T, D>(v, a.v, window * a.v.window + head * a.v.head, a.keys, thread, threads);
  }
  wait_for_copies();
  __syncthreads();
  if (!inside)
    return;

  const T *queries = (const T *)a.q.dev + window * a.q.window + head * a.q.head;
  const int group = lane / 4, in_group = lane % 4;
  // of ldmatrix: which of the four matrices, and which of its rows this lane points to
  const unsigned k_at = shared_address(k + (lane % 8 + lane / 16 * 8) * pitch<D> + lane / 8 % 2 * 8);
  const unsigned v_at = shared_address(v + lane * pitch<D>);

  for (int first = ((int)blockIdx.y * l.warps_per_item + thread / 32) * 16; first < a.queries; first += (int)gridDim.y * l.warps_per_item * 16) {
    unsigned q[padded<D> / 16][4];
#pragma unroll
    for (int s = 0; s < padded<D> / 16; s++)
#pragma unroll
      for (int r = 0; r < 4; r++) {
        const int row = first + group + r % 2 * 8, c = s * 16 + in_group * 2 + r / 2 * 8;
        q[s][r] = row < a.queries && c < D ? *reinterpret_cast<const unsigned *>(queries + row * a.q.token + c) : 0;
      }
    float o[D / 8][4] = {}, most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

    for (int from = 0; from < rows; from += CHUNK) {
      float s[CHUNK / 8][4] = {};
#pragma unroll
      for (int n = 0; n < CHUNK / 16; n++)
#pragma unroll
        for (int c = 0; c < padded<D> / 16; c++) {
          unsigned b[4]; // keys 0 to 7 by both halves of the step, then keys 8 to 15
          load_matrices(b, k_at + (unsigned)(((from + n * 16) * pitch<D> + c * 16) * (int)sizeof(T)));
          multiply(s[2 * n], q[c], b[0], b[1], (T *)nullptr);
          multiply(s[2 * n + 1], q[c], b[2], b[3], (T *)nullptr);
        }
      float greatest[2] = {most[0], most[1]};
#pragma unroll
      for (int n = 0; n < CHUNK / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
          if (from + CHUNK > a.keys && from + n * 8 + in_group * 2 + e % 2 >= a.keys)
            s[n][e] = -INFINITY;
          greatest[e / 2] = fmaxf(greatest[e / 2], s[n][e]);
        }
#pragma unroll
      for (int h = 0; h < 2; h++) {
        greatest[h] = over_quad(greatest[h], true); // finite from the first chunk on, but for NaN and Inf among the scores
        const float shrink = exp2f((most[h] - greatest[h]) * l.scale);
        most[h] = greatest[h];
        sum[h] *= shrink;
#pragma unroll
        for (int n = 0; n < D / 8; n++) {
          o[n][2 * h] *= shrink;
          o[n][2 * h + 1] *= shrink;
        }
      }
      unsigned p[CHUNK / 16][4];
#pragma unroll
      for (int n = 0; n < CHUNK / 8; n++) {
        float e[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
          e[i] = exp2f(s[n][i] * l.scale - most[i / 2] * l.scale);
          sum[i / 2] += e[i];
        }
        p[n / 2][n % 2 * 2] = pair<T>(e[0], e[1]);
        p[n / 2][n % 2 * 2 + 1] = pair<T>(e[2], e[3]);
      }
#pragma unroll
      for (int n = 0; n < D / 8; n++) {
        unsigned b[4]; // the chunk's keys by eights
        static_assert(CHUNK == 32, "one load");
        load_transposed(b, v_at + (unsigned)((from * pitch<D> + n * 8) * (int)sizeof(T)));
        multiply(o[n], p[0], b[0], b[1], (T *)nullptr);
        multiply(o[n], p[1], b[2], b[3], (T *)nullptr);
      }
    }
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const int row = first + group + h * 8;
      const float whole = 1.0f / over_quad(sum[h], false);
      T *to = out + (((size_t)window * (size_t)a.queries + (size_t)row) * (size_t)a.heads + (size_t)head) * D + in_group * 2;
      if (row < a.queries)
#pragma unroll
        for (int n = 0; n < D / 8; n++)
          *reinterpret_cast<unsigned *>(to + n * 8) = pair<T>(o[n][2 * h] * whole, o[n][2 * h + 1] * whole);
    }
  }
}

template <int D> size_t item_bytes(int keys) { return 2 * (size_t)whole_chunks(keys) * pitch<D> * 2; } // keys and values of half precision

template <class T, int D> vb_status launch(T *out, const vb_cuda_window &a, cudaStream_t stream, vb_err *err)
{
  const size_t item = item_bytes<D>(a.keys);
  int warps = 1;
  while (warps < MAX_WARPS && warps * 16 < a.queries)
    warps *= 2;
  int items = MAX_WARPS / warps;
  while (items > 1 && (size_t)items * item > MAX_SHARED)
    items /= 2;
  const Launch l = {a, warps, items, a.windows * a.heads, 1.44269504088896f / sqrtf((float)D)};
  const size_t shared = (size_t)items * item;
  const cudaError_t e = cudaFuncSetAttribute(attend<T, D>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
  if (e != cudaSuccess) {
    (void)cudaGetLastError();
    return vb_fail(err, VB_ECUDA, "attention in windows on the device: %zu bytes of shared memory: %s", shared, cudaGetErrorString(e));
  }
  const int blocks = (l.n_items + items - 1) / items, passes = (a.queries + 16 * warps - 1) / (16 * warps); // of a warp over queries
  const int parts = blocks < 2 * vb_cuda::multiprocessors() ? passes : 1;
  vb_cuda::queue_kernel(attend<T, D>, dim3((unsigned)blocks, (unsigned)parts), (unsigned)(items * warps * 32), shared, stream, out, l);
  return vb_cuda::launched("attention in windows", err);
}

template <class T> vb_status by_dim(T *out, const vb_cuda_window &a, cudaStream_t stream, vb_err *err)
{
  return a.dim == 56 ? launch<T, 56>(out, a, stream, err) : a.dim == 72 ? launch<T, 72>(out, a, stream, err) : launch<T, 96>(out, a, stream, err);
}

bool fits(const vb_cuda_heads &h) { return vb_cuda::aligned(h.dev, 16) && h.window % 8 == 0 && h.head % 8 == 0 && h.token % 8 == 0; }

// One item's keys and values: GPUs of 8.6, 8.9 and 12.0 have less than 256 keys of 96 values take.
template <int D> bool has_room(int keys)
{
  static const int most = vb_cuda::attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  return item_bytes<D>(keys) <= (size_t)most;
}

} // namespace

extern "C" bool vb_cuda_window_takes(int queries, int keys, int dim)
{
  return queries >= 1 && queries <= MAX_KEYS && keys >= 1 && keys <= MAX_KEYS &&
         (dim == 56 ? has_room<56>(keys) : dim == 72 ? has_room<72>(keys) : dim == 96 && has_room<96>(keys));
}

extern "C" vb_status vb_cuda_window_attention(void *out_dev, vb_dtype dtype, const vb_cuda_window *a, void *cuda_stream, vb_err *err)
{
  if (a->windows < 1 || a->heads < 1 || (int64_t)a->windows * a->heads > INT32_MAX || !vb_cuda_window_takes(a->queries, a->keys, a->dim))
    return vb_fail(err, VB_ESHAPE, "attention in %d windows of %d queries, %d keys, %d heads of %d on the device: sizes that it does not take", a->windows, a->queries,
                   a->keys, a->heads, a->dim);
  if (!vb_cuda::aligned(out_dev, 16) || !fits(a->q) || !fits(a->k) || !fits(a->v))
    return vb_fail(err, VB_EARG, "attention in windows on the device: values that are not aligned to 16 bytes");
  if ((dtype == VB_FLOAT16 || dtype == VB_BFLOAT16) && vb_cuda_window_hopper_takes(a))
    return vb_cuda_window_hopper(out_dev, dtype, a, cuda_stream, err);
  if (dtype == VB_FLOAT16)
    return by_dim((__half *)out_dev, *a, (cudaStream_t)cuda_stream, err);
  if (dtype == VB_BFLOAT16)
    return by_dim((__nv_bfloat16 *)out_dev, *a, (cudaStream_t)cuda_stream, err);
  return vb_fail(err, VB_EARG, "attention in windows on the device: dtype %d is no half precision", (int)dtype);
}
