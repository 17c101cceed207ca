/* Attention within windows by warp-group products; see window_hopper_cuda.h.
 *
 * A block takes a window and head. Its keys and values come to shared memory once, some keys at a time ("steps"), while
 * products with those already there run; a warp group of 64 queries holds these, the scores of a step and its output in
 * registers, and the tensor cores read keys and values by themselves. window_cuda.cu, whose warps load all keys and values
 * again for 16 queries each, is bound by just these loads. */
#include "window_hopper_cuda.h"

#include "copies.cuh"
#include "warpgroup.cuh"

#include <math.h>

namespace {

using namespace vb_cuda;

constexpr int GROUP = 128, ROWS = 64; // threads of a warp group, its queries
constexpr int REGISTERS_FILL = 512;   // threads of a multiprocessor with 128 registers each

// Matrices lie in shared memory as blocks of eight rows by 16 bytes (8 channels), as wgmma wants them where it does not
// swizzle: all rows of the first 8 channels, then those of the next. GAP: eight pieces of a row, written at once, meet all banks.
constexpr int PIECE = 16, GAP = 16;
template <int ROWS_IN_ALL> constexpr int pitch = ROWS_IN_ALL * PIECE + GAP; // to the next 8 channels
template <int D> constexpr int in_steps = (D + 15) / 16 * 16;               // channels as products of 16 take them

struct Launch {
  vb_cuda_window a;
  float scale; // of scores, for exp2
};

// Keys, values, queries
template <int D, int KEYS> constexpr int v_at = in_steps<D> / 8 * pitch<KEYS>;
template <int D, int KEYS> constexpr int q_at = v_at<D, KEYS> + D / 8 * pitch<KEYS>;
template <int D, int KEYS, int GROUPS> constexpr int bytes = q_at<D, KEYS> + in_steps<D> / 8 * pitch<GROUPS * ROWS>;

#ifdef VB_HAVE_WARPGROUPS

// A thread's part of a matrix: a piece of every so many rows. What is behind its last row is 0.
template <class T, int D, int THREADS> struct Part {
  static constexpr int PIECES = D / 8, AT_ONCE = THREADS / PIECES; // rows; threads that are too many for whole rows have none
  const T *from;
  int at, step; // in values
  int row, piece, rows;

  __device__ Part(const vb_cuda_heads &h, int window, int head, int first, int n)
      : from((const T *)h.dev + window * h.window + head * h.head + first * h.token), step(AT_ONCE * (int)h.token), row((int)threadIdx.x / PIECES),
        piece((int)threadIdx.x % PIECES), rows(n - first)
  {
    at = row * (int)h.token + piece * 8;
  }

  // The n-th pass over rows, of which there is room for ROOM
  template <int ROOM> __device__ void copy(unsigned to, int n) const
  {
    const int nth = row + n * AT_ONCE;
    if (row < AT_ONCE && nth < ROOM)
      copy_16(to + (unsigned)(piece * pitch<ROOM> + nth * PIECE), from + (at + n * step), nth < rows);
  }
};

// A warp group at work
template <int D> struct Group {
  unsigned q[in_steps<D> / 16][4];
  float o[D / 2];
  float most[2], sum[2]; // of each thread's two queries: the greatest score, or one not much below, and the sum of probabilities
  unsigned shared, arrived; // keys, values and queries; barriers of the steps
  unsigned queries_at;      // this lane's part of the first channels of its warp's queries
  int queries;              // that this warp has; it may be none
};

// For products of 16 channels each
template <int D, int Q_PITCH> __device__ __forceinline__ void load_queries(Group<D> &g)
{
#pragma unroll
  for (int c = 0; c < in_steps<D> / 16; c++)
    load_matrices(g.q[c], g.queries_at + (unsigned)(2 * c * Q_PITCH));
}

// N keys from key FROM on; step I
template <class T, int D, int Q_PITCH, int KEYS, int I, int FROM, int N> __device__ __forceinline__ void attend_to(Group<D> &g, int keys, float scale)
{
  constexpr bool FIRST = I == 0, LAST = FROM + N == KEYS;
  constexpr bool RELOADED = D == 96;    // too many channels to hold queries, scores and output in 128 registers
  constexpr bool SKIPS = KEYS % 64 > 0; // 14x14 windows leave the last warp group 4 of 64 queries
  const unsigned k = g.shared + (unsigned)(FROM * PIECE), v = g.shared + (unsigned)(v_at<D, KEYS> + FROM * PIECE);
  float s[N / 2];
  unsigned p[N / 16][4] = {};

  wait_for_phase(g.arrived + 8 * I, 0);
  show_to_tensor_cores();
  if (FIRST || RELOADED)
    load_queries<D, Q_PITCH>(g);
  begin_products();
#pragma unroll
  for (int c = 0; c < in_steps<D> / 16; c++)
    queue_product<T, false>(s, g.q[c], matrix_at(k + (unsigned)(2 * c * pitch<KEYS>), pitch<KEYS>, 8 * PIECE, NO_SWIZZLE), c > 0);
  commit_products();
  wait_products<0>();
  settled(s);

  if (!SKIPS || g.queries > 0) {
    float greatest[2] = {FIRST ? -INFINITY : g.most[0], FIRST ? -INFINITY : g.most[1]};
    if (LAST && keys < KEYS)
#pragma unroll
      for (int i = 0; i < N / 2; i++)
        if (FROM + i / 4 * 8 + (int)threadIdx.x % 4 * 2 + i % 2 >= keys)
          s[i] = -INFINITY;
#pragma unroll
    for (int i = 0; i < N / 2; i++)
      greatest[i % 4 / 2] = fmaxf(greatest[i % 4 / 2], s[i]);
    greatest[0] = over_quad(greatest[0], true);
    greatest[1] = over_quad(greatest[1], true);
    // Probabilities may be any multiple of the true ones as long as their sum is the same: up to 2^8 (which both half precisions
    // hold as well as 1) the old maximum does, and the output need not be scaled. NaN: nothing to be done, it stays.
    const bool grew = (greatest[0] - g.most[0]) * scale > 8 || (greatest[1] - g.most[1]) * scale > 8;
    if (FIRST) {
      g.most[0] = greatest[0];
      g.most[1] = greatest[1];
    } else if (__any_sync(~0u, grew)) {
      const float shrink[2] = {power_of_2((g.most[0] - greatest[0]) * scale), power_of_2((g.most[1] - greatest[1]) * scale)};
#pragma unroll
      for (int h = 0; h < 2; h++) {
        g.most[h] = greatest[h];
        g.sum[h] *= shrink[h];
      }
#pragma unroll
      for (int i = 0; i < D / 2; i++)
        g.o[i] *= shrink[i % 4 / 2];
    }
  }
  // Products with 16 keys' values run while the next probabilities are computed.
  const float zero[2] = {g.most[0] * scale, g.most[1] * scale};
#pragma unroll
  for (int c = 0; c < N / 16; c++) {
    if (!SKIPS || g.queries > 0)
#pragma unroll
      for (int i = 8 * c; i < 8 * c + 8; i += 2) {
        const int h = i % 4 / 2;
        const float x = power_of_2(s[i] * scale - zero[h]), y = power_of_2(s[i + 1] * scale - zero[h]);
        g.sum[h] += x + y;
        p[c][i % 8 / 2] = pair<T>(x, y);
      }
    begin_products();
    queue_product<T, true>(g.o, p[c], matrix_at(v + (unsigned)(c * 16 * PIECE), 8 * PIECE, pitch<KEYS>, NO_SWIZZLE), !FIRST || c > 0);
    commit_products();
  }
  wait_products<0>();
  settled(g.o);
}

template <class T, int D, int Q_PITCH, int KEYS, int I, int FROM, int N, int... REST> __device__ __forceinline__ void attend_to_all(Group<D> &g, int keys, float scale)
{
  attend_to<T, D, Q_PITCH, KEYS, I, FROM, N>(g, keys, scale);
  if constexpr (sizeof...(REST) > 0)
    attend_to_all<T, D, Q_PITCH, KEYS, I + 1, FROM + N, REST...>(g, keys, scale);
}

// Keys and values of all steps, each with the passes that its rows need and earlier steps did not.
template <class P, int D, int KEYS, int PASSES, int FROM, int N, int... REST> __device__ __forceinline__ void fetch(unsigned shared, unsigned arrived, const P &k, const P &v)
{
  constexpr int UNTIL = (FROM + N + P::AT_ONCE - 1) / P::AT_ONCE;
#pragma unroll
  for (int n = PASSES; n < UNTIL; n++) {
    k.template copy<KEYS>(shared, n);
    v.template copy<KEYS>(shared + v_at<D, KEYS>, n);
  }
  arrive_by_copies(arrived);
  if constexpr (sizeof...(REST) > 0)
    fetch<P, D, KEYS, UNTIL, FROM + N, REST...>(shared, arrived + 8, k, v);
}

#endif

// Block x: head; y: window; z: GROUPS * ROWS of its queries. STEPS: so many keys at a time.
template <class T, int D, int GROUPS, int... STEPS> __global__ void __launch_bounds__(GROUPS *GROUP, REGISTERS_FILL / (GROUPS * GROUP)) attend_by_groups(T *out, Launch l)
{
  vb_cuda::await_kernel_before();
#ifdef VB_HAVE_WARPGROUPS
  constexpr int KEYS = (STEPS + ...), THREADS = GROUPS * GROUP, Q_PITCH = pitch<GROUPS * ROWS>, Q_AT = q_at<D, KEYS>;
  extern __shared__ __align__(128) unsigned char raw[];
  __shared__ uint64_t barriers[sizeof...(STEPS)];
  const vb_cuda_window &a = l.a;
  const int head = (int)blockIdx.x, window = (int)blockIdx.y, first = (int)blockIdx.z * GROUPS * ROWS, warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
  const unsigned shared = shared_address(raw), arrived = shared_address(barriers);

  if (threadIdx.x < sizeof...(STEPS))
    prepare(arrived + 8 * threadIdx.x, THREADS);
  if constexpr (D % 16 != 0) { // channels that products take and there are none of
    constexpr int ZEROS = KEYS + GROUPS * ROWS;
#pragma unroll
    for (int n = 0; n * THREADS < ZEROS; n++) {
      const int row = (int)threadIdx.x + n * THREADS;
      if (row < ZEROS)
        *reinterpret_cast<uint4 *>(raw + (row < KEYS ? D / 8 * pitch<KEYS> : Q_AT + D / 8 * Q_PITCH - KEYS * PIECE) + row * PIECE) = {};
    }
  }
  __syncthreads();
  using Mine = Part<T, D, THREADS>;
  const Mine q(a.q, window, head, first, a.queries), k(a.k, window, head, 0, a.keys), v(a.v, window, head, 0, a.keys);
#pragma unroll
  for (int n = 0; n * Mine::AT_ONCE < GROUPS * ROWS; n++)
    q.template copy<GROUPS * ROWS>(shared + Q_AT, n);
  fetch<Mine, D, KEYS, 0, 0, STEPS...>(shared, arrived, k, v);
  if (first + warp / 4 * ROWS >= a.queries) { // all of the warp group
    wait_for_copies();
    return;
  }

  Group<D> g;
  g.sum[0] = g.sum[1] = g.most[0] = g.most[1] = 0;
  g.shared = shared;
  g.arrived = arrived;
  g.queries_at = shared + (unsigned)(Q_AT + lane / 16 * Q_PITCH + (warp * 16 + lane % 16) * PIECE);
  g.queries = min(16, a.queries - first - warp * 16);
  attend_to_all<T, D, Q_PITCH, KEYS, 0, 0, STEPS...>(g, a.keys, l.scale);

  // Through the queries' place, so that rows are written by 16 bytes
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const float whole = 1.0f / over_quad(g.sum[h], false);
    unsigned char *to = raw + Q_AT + (warp * 16 + lane / 4 + h * 8) * PIECE + lane % 4 * 4;
#pragma unroll
    for (int n = 0; n < D / 8; n++)
      *reinterpret_cast<unsigned *>(to + n * Q_PITCH) = pair<T>(g.o[4 * n + 2 * h] * whole, g.o[4 * n + 2 * h + 1] * whole);
  }
  __syncwarp();
  T *rows = out + (((size_t)window * (size_t)a.queries + (size_t)(first + warp * 16)) * (size_t)a.heads + (size_t)head) * D;
  for (int i = lane; i < g.queries * (D / 8); i += 32) {
    const int row = i / (D / 8), piece = i % (D / 8);
    store_wide(rows + (size_t)row * (size_t)a.heads * D + piece * 8, *reinterpret_cast<const Wide<T> *>(raw + Q_AT + piece * Q_PITCH + (warp * 16 + row) * PIECE));
  }
#else
  (void)out, (void)l;
#endif
}

template <class T, int D, int GROUPS, int... STEPS> vb_status launch(T *out, const vb_cuda_window &a, cudaStream_t stream, vb_err *err)
{
  constexpr int BYTES = bytes<D, (STEPS + ...), GROUPS>;
  const cudaError_t e = cudaFuncSetAttribute(attend_by_groups<T, D, GROUPS, STEPS...>, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES);
  if (e != cudaSuccess) {
    (void)cudaGetLastError();
    return vb_fail(err, VB_ECUDA, "attention in windows on the device: %d bytes of shared memory: %s", BYTES, cudaGetErrorString(e));
  }
  const dim3 blocks((unsigned)a.heads, (unsigned)a.windows, (unsigned)((a.queries + GROUPS * ROWS - 1) / (GROUPS * ROWS)));
  vb_cuda::queue_kernel(attend_by_groups<T, D, GROUPS, STEPS...>, blocks, GROUPS * GROUP, BYTES, stream, out, Launch{a, 1.44269504088896f / sqrtf((float)D)});
  return launched("attention in windows", err);
}

// Hiera's windows of 14x14 and 16x16
template <class T, int D> vb_status by_keys(T *out, const vb_cuda_window &a, cudaStream_t stream, vb_err *err)
{
  if (a.keys <= 208)
    return launch<T, D, 4, 64, 48, 48, 48>(out, a, stream, err);
  if constexpr (D == 96) // for want of registers
    return launch<T, D, 4, 64, 48, 48, 48, 48>(out, a, stream, err);
  else
    return launch<T, D, 4, 64, 64, 64, 64>(out, a, stream, err);
}

template <class T> vb_status by_dim(T *out, const vb_cuda_window &a, cudaStream_t stream, vb_err *err)
{
  return a.dim == 56 ? by_keys<T, 56>(out, a, stream, err) : a.dim == 72 ? by_keys<T, 72>(out, a, stream, err) : by_keys<T, 96>(out, a, stream, err);
}

} // namespace

extern "C" bool vb_cuda_window_hopper_takes(const vb_cuda_window *a)
{
  constexpr int64_t FAR = INT32_MAX / 512; // offsets within a window are of 32 bits
  return a->keys > 160 && a->queries > 128 && a->windows < 65536 && a->q.token < FAR && a->k.token < FAR && a->v.token < FAR && vb_cuda::has_warp_groups();
}

extern "C" vb_status vb_cuda_window_hopper(void *out_dev, vb_dtype dtype, const vb_cuda_window *a, void *cuda_stream, vb_err *err)
{
  if (dtype == VB_FLOAT16)
    return by_dim((__half *)out_dev, *a, (cudaStream_t)cuda_stream, err);
  return by_dim((__nv_bfloat16 *)out_dev, *a, (cudaStream_t)cuda_stream, err);
}
