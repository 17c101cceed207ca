/* Attention to the memory bank; see cross_cuda.h.
 *
 * A block has 128 queries of an object, in the registers of two warp groups, and a part of the keys, of which a third warp
 * group keeps two tiles of 128 in shared memory, fetched by the tensor memory accelerator. While one warp group takes
 * exponentials, the tensor cores do the other's products; and a warp group's product of probabilities and values runs beside
 * its product with the next keys (Shah et al., FlashAttention-3). */
#include "cross_cuda.h"

#include "copies.cuh"
#include "tensor_map.cuh"
#include "warpgroup.cuh"

#if CUDART_VERSION >= 12000 // before, there are neither such products nor such copies

#include <math.h>

namespace {

constexpr int QUERIES = 128, KEYS = 128, DIM = 256, WIDTH = 64, STAGES = 2; // of a block, of a tile; channels of keys, of values
constexpr int GROUP = 128, CONSUMERS = QUERIES / 64, SLICE = 64;            // channels of a tile's row that lie side by side: 128 bytes
constexpr int PIECE = KEYS * SLICE * 2, K_BYTES = DIM / SLICE * PIECE, STAGE_BYTES = K_BYTES + PIECE;
constexpr int SHARED_BYTES = STAGES * STAGE_BYTES + 1024; // swizzled pieces begin at whole kilobytes

struct Launch {
  vb_cuda_cross a;
  void *out;
  float *lse;
  float scale; // of scores, for exp2
};

#ifdef VB_HAVE_WARPGROUPS

using vb_cuda::wait_for_phase;

// In shared memory, from `at` on: a stage's keys and values are there, have been read.
struct Barriers {
  unsigned at;
  __device__ unsigned k_there(int stage) const { return at + (unsigned)(8 * stage); }
  __device__ unsigned v_there(int stage) const { return at + (unsigned)(8 * (STAGES + stage)); }
  __device__ unsigned k_read(int stage) const { return at + (unsigned)(8 * (2 * STAGES + stage)); }
  __device__ unsigned v_read(int stage) const { return at + (unsigned)(8 * (3 * STAGES + stage)); }
};

// 128 tokens of an object, 64 channels of each
__device__ void fetch(unsigned to, const CUtensorMap &map, int channel, int token, int object, unsigned there)
{
  asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::"r"(to), "l"(&map), "r"(channel),
               "r"(token), "r"(object), "r"(there)
               : "memory");
}

__device__ void produce(const CUtensorMap &keys, const CUtensorMap &values, unsigned tiles, Barriers b, int first, int n, int object)
{
  for (int i = 0; i < n; i++) {
    const int stage = i % STAGES, parity = i / STAGES % 2 ^ 1, token = (first + i) * KEYS;
    const unsigned to = tiles + (unsigned)(stage * STAGE_BYTES);
    wait_for_phase(b.k_read(stage), parity);
    vb_cuda::arrive_expecting(b.k_there(stage), K_BYTES);
    for (int c = 0; c < DIM / SLICE; c++)
      fetch(to + (unsigned)(c * PIECE), keys, c * SLICE, token, object, b.k_there(stage));
    wait_for_phase(b.v_read(stage), parity);
    vb_cuda::arrive_expecting(b.v_there(stage), PIECE);
    fetch(to + K_BYTES, values, 0, token, object, b.v_there(stage));
  }
}

// s = q k' of a tile
template <class T> __device__ void queue_scores(float (&s)[KEYS / 2], const unsigned (&q)[DIM / 16][4], unsigned tile)
{
#pragma unroll
  for (int c = 0; c < DIM / 16; c++)
    vb_cuda::queue_product<T, false>(s, q[c], vb_cuda::matrix_at(tile + (unsigned)(c / 4 * PIECE + c % 4 * 32), 16, 1024, vb_cuda::SWIZZLE_128), c > 0);
  vb_cuda::commit_products();
}

// o += p v of a tile
template <class T> __device__ void queue_values(float (&o)[WIDTH / 2], const unsigned (&p)[KEYS / 16][4], unsigned tile)
{
#pragma unroll
  for (int k = 0; k < KEYS / 16; k++)
    vb_cuda::queue_product<T, true>(o, p[k], vb_cuda::matrix_at(tile + (unsigned)(K_BYTES + k * 2048), 1024, 1024, vb_cuda::SWIZZLE_128), true);
  vb_cuda::commit_products();
}

// Scores to exponentials below a greatest score, which may grow: shrink is what becomes of those before.
__device__ void exponentials(float (&s)[KEYS / 2], float (&most)[2], float (&sum)[2], float (&shrink)[2], int keys_left, float scale, int in_group)
{
  if (keys_left < KEYS) // the last tile
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++)
      if (i / 4 * 8 + in_group * 2 + i % 2 >= keys_left)
        s[i] = -INFINITY;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float greatest = most[h], added = 0;
#pragma unroll
    for (int i = 2 * h; i < KEYS / 2; i += 4)
      greatest = fmaxf(greatest, fmaxf(s[i], s[i + 1]));
    greatest = vb_cuda::over_quad(greatest, true); // finite from the first tile on, but for NaN and Inf among the scores
    shrink[h] = vb_cuda::power_of_2((most[h] - greatest) * scale);
    most[h] = greatest;
#pragma unroll
    for (int i = 2 * h; i < KEYS / 2; i += 4)
#pragma unroll
      for (int e = i; e < i + 2; e++) {
        s[e] = vb_cuda::power_of_2(s[e] * scale - greatest * scale);
        added += s[e];
      }
    sum[h] = sum[h] * shrink[h] + added;
  }
}

template <class T> __device__ void round_to(unsigned (&p)[KEYS / 16][4], const float (&s)[KEYS / 2])
{
#pragma unroll
  for (int i = 0; i < KEYS / 4; i++)
    p[i / 4][i % 4] = vb_cuda::pair<T>(s[2 * i], s[2 * i + 1]);
}

template <class T> __device__ void consume(const Launch &l, unsigned tiles, Barriers b, int first, int n, int object, int group)
{
  const vb_cuda_cross &a = l.a;
  const int lane = (int)threadIdx.x % 32, in_group = lane % 4, row = ((int)blockIdx.x * CONSUMERS + group) * 64 + (int)threadIdx.x % GROUP / 32 * 16 + lane / 4;
  const T *queries = (const T *)a.q.dev + object * a.q.object;
  unsigned q[DIM / 16][4], p[KEYS / 16][4];
  float s[KEYS / 2], o[WIDTH / 2] = {}, most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0}, shrink[2];
  const auto tile = [&](int i) { return tiles + (unsigned)(i % STAGES * STAGE_BYTES); };
  const auto release = [&](unsigned read) {
    if (lane == 0)
      vb_cuda::arrive(read);
  };
  // The warp groups queue their products in turns, so that one's exponentials fall to the other's products.
  const auto await_turn = [&] { asm volatile("bar.sync %0, %1;" ::"r"(1 + group), "n"(CONSUMERS * GROUP) : "memory"); };
  const auto pass_turn = [&] { asm volatile("bar.arrive %0, %1;" ::"r"(1 + (group ^ 1)), "n"(CONSUMERS * GROUP) : "memory"); };

#pragma unroll
  for (int c = 0; c < DIM / 16; c++)
#pragma unroll
    for (int r = 0; r < 4; r++)
      q[c][r] = row + r % 2 * 8 < a.queries ? *reinterpret_cast<const unsigned *>(queries + (row + r % 2 * 8) * a.q.token + c * 16 + in_group * 2 + r / 2 * 8) : 0;

  if (group == 1)
    pass_turn();
  wait_for_phase(b.k_there(0), 0);
  vb_cuda::begin_products();
  queue_scores<T>(s, q, tile(0));
  vb_cuda::wait_products<0>();
  vb_cuda::settled(s);
  release(b.k_read(0));
  exponentials(s, most, sum, shrink, a.keys - first * KEYS, l.scale, in_group);
  round_to<T>(p, s);
  for (int i = 1; i < n; i++) {
    const int stage = i % STAGES, before = (i - 1) % STAGES;
    wait_for_phase(b.k_there(stage), i / STAGES % 2);
    await_turn();
    vb_cuda::begin_products();
    queue_scores<T>(s, q, tile(i));
    wait_for_phase(b.v_there(before), (i - 1) / STAGES % 2);
    vb_cuda::begin_products();
    queue_values<T>(o, p, tile(i - 1));
    pass_turn();
    vb_cuda::wait_products<1>();
    vb_cuda::settled(s);
    release(b.k_read(stage));
    exponentials(s, most, sum, shrink, a.keys - (first + i) * KEYS, l.scale, in_group);
    vb_cuda::wait_products<0>();
    vb_cuda::settled(o);
    release(b.v_read(before));
    round_to<T>(p, s);
#pragma unroll
    for (int j = 0; j < WIDTH / 2; j++)
      o[j] *= shrink[j / 2 % 2];
  }
  wait_for_phase(b.v_there((n - 1) % STAGES), (n - 1) / STAGES % 2);
  vb_cuda::begin_products();
  queue_values<T>(o, p, tile(n - 1));
  vb_cuda::wait_products<0>();
  vb_cuda::settled(o);

#pragma unroll
  for (int h = 0; h < 2; h++) {
    const float whole = vb_cuda::over_quad(sum[h], false), scale = 1.0f / whole;
    const int64_t at = ((int64_t)blockIdx.y * a.objects + object) * a.queries + row + h * 8;
    if (row + h * 8 >= a.queries)
      continue;
    T *to = (T *)l.out + at * WIDTH + in_group * 2;
#pragma unroll
    for (int j = 0; j < WIDTH / 8; j++)
      *reinterpret_cast<unsigned *>(to + j * 8) = vb_cuda::pair<T>(o[4 * j + 2 * h] * scale, o[4 * j + 2 * h + 1] * scale);
    if (in_group == 0)
      l.lse[at] = most[h] * l.scale * 0.69314718055994531f + logf(whole);
  }
}

#endif

template <class T>
__global__ void __launch_bounds__((CONSUMERS + 1) * GROUP, 1)
    attend_to_bank(const __grid_constant__ CUtensorMap keys, const __grid_constant__ CUtensorMap values, Launch l)
{
  vb_cuda::await_kernel_before();
#ifdef VB_HAVE_WARPGROUPS
  extern __shared__ unsigned char raw[];
  __shared__ uint64_t barriers[4 * STAGES];
  const Barriers b = {vb_cuda::shared_address(barriers)};
  const unsigned tiles = (vb_cuda::shared_address(raw) + 1023) & ~1023u;
  const int group = (int)threadIdx.x / GROUP, object = (int)blockIdx.z, n_tiles = (l.a.keys + KEYS - 1) / KEYS;
  const int first = (int)blockIdx.y * n_tiles / l.a.parts, n = ((int)blockIdx.y + 1) * n_tiles / l.a.parts - first;

  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      vb_cuda::prepare(b.k_there(i), 1);
      vb_cuda::prepare(b.v_there(i), 1);
      vb_cuda::prepare(b.k_read(i), CONSUMERS * GROUP / 32); // a lane of each warp
      vb_cuda::prepare(b.v_read(i), CONSUMERS * GROUP / 32);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (group == CONSUMERS) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x % GROUP == 0)
      produce(keys, values, tiles, b, first, n, object);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    consume<T>(l, tiles, b, first, n, object, group);
  }
#endif
}

// Tokens of `channels`, to be fetched 128 at a time, 64 channels of each; 0 behind the last one
bool describe(CUtensorMap *map, vb_dtype dtype, const vb_cuda_tokens_of &t, int channels, int tokens, int objects)
{
  return vb_cuda::describe(map, dtype, t.dev, {(cuuint64_t)channels, (cuuint64_t)tokens, (cuuint64_t)objects}, {t.token, t.object}, {SLICE, KEYS, 1});
}

template <class T> vb_status launch(const CUtensorMap &keys, const CUtensorMap &values, const Launch &l, cudaStream_t stream, vb_err *err)
{
  const cudaError_t e = cudaFuncSetAttribute(attend_to_bank<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, SHARED_BYTES);
  if (e != cudaSuccess) {
    (void)cudaGetLastError();
    return vb_fail(err, VB_ECUDA, "attention to the memory bank on the device: %d bytes of shared memory: %s", SHARED_BYTES, cudaGetErrorString(e));
  }
  const dim3 grid((unsigned)((l.a.queries + QUERIES - 1) / QUERIES), (unsigned)l.a.parts, (unsigned)l.a.objects);
  vb_cuda::queue_kernel(attend_to_bank<T>, grid, (CONSUMERS + 1) * GROUP, SHARED_BYTES, stream, keys, values, l);
  return vb_cuda::launched("attention to the memory bank", err);
}

bool fits(const vb_cuda_tokens_of &t) { return vb_cuda::aligned(t.dev, 16) && t.object % 8 == 0 && t.token % 8 == 0; }

} // namespace

extern "C" bool vb_cuda_cross_takes(int objects, int queries, int keys, int parts)
{
  return vb_cuda::has_warp_groups() && vb_cuda::encode_function() && objects >= 1 && objects <= 65535 && queries >= 1 && parts >= 1 && parts <= 65535 && keys / KEYS >= parts;
}

extern "C" vb_status vb_cuda_cross_attention(void *out_dev, float *lse_dev, vb_dtype dtype, const vb_cuda_cross *a, void *cuda_stream, vb_err *err)
{
  const Launch l = {*a, out_dev, lse_dev, 1.44269504088896f / sqrtf((float)DIM)};
  CUtensorMap keys, values;
  if (!vb_cuda_cross_takes(a->objects, a->queries, a->keys, a->parts))
    return vb_fail(err, VB_ESHAPE,
                   "attention of %d objects' %d queries to %d keys in %d parts on the device: sizes that it does not take, or not compute capability 9.0",
                   a->objects, a->queries, a->keys, a->parts);
  if (!vb_cuda::aligned(out_dev, 16) || !fits(a->q) || !fits(a->k) || !fits(a->v) || (dtype != VB_FLOAT16 && dtype != VB_BFLOAT16))
    return vb_fail(err, VB_EARG,
                   "attention to the memory bank on the device: values that are not aligned to 16 bytes, or dtype %d, which is no half precision", (int)dtype);
  if (!describe(&keys, dtype, a->k, DIM, a->keys, a->objects) || !describe(&values, dtype, a->v, WIDTH, a->keys, a->objects))
    return vb_fail(err, VB_ECUDA, "attention to the memory bank on the device: the driver refuses to describe %d keys of %d objects", a->keys, a->objects);
  return dtype == VB_FLOAT16 ? launch<__half>(keys, values, l, (cudaStream_t)cuda_stream, err) : launch<__nv_bfloat16>(keys, values, l, (cudaStream_t)cuda_stream, err);
}

#else

extern "C" bool vb_cuda_cross_takes(int, int, int, int) { return false; }

extern "C" vb_status vb_cuda_cross_attention(void *, float *, vb_dtype, const vb_cuda_cross *, void *, vb_err *err)
{
  return vb_fail(err, VB_ECUDA, "attention to the memory bank on the device: this build is of a CUDA before 12");
}

#endif
