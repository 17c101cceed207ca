/* Linear layers with what follows them; see product_cuda.h.
 *
 * Blocks stay, two and two in clusters, and go over tiles of 128 rows and COLS columns. A thread fetches slices of 64 input
 * channels into a ring in shared memory by the tensor memory accelerator; the rows of weights, which both blocks of a cluster
 * need, each fetches for both every second time. Two warp groups multiply half of a tile's rows each; while they end a tile (bias,
 * what follows, storing) the next one's slices arrive. That one ends a tile while the other multiplies does not pay: its stores
 * wait for the shared memory that the products read, 6100 cycles in place of 2500 (H100, 128x192).
 *
 * Rows of weights are fetched in such an order that a lane's accumulators of 16 columns are four neighbours. */
#include "product_cuda.h"

#include "product_tile.cuh"
#include "tensor_map.cuh"
#include "warpgroup.cuh"

#if CUDART_VERSION >= 12000 // before, there are neither such products nor such copies

namespace {

using namespace vb_product;

#ifdef VB_HAVE_WARPGROUPS

// A place in the ring, and the parity of the phase in which it is filled this time
template <int STAGES> struct Ring {
  int stage = 0, parity = 0;

  __device__ void advance()
  {
    if (++stage == STAGES) {
      stage = 0;
      parity ^= 1;
    }
  }
};

// In shared memory, from `at` on: a stage is there, has been read by both blocks of the cluster; the bias is there.
template <int STAGES> struct Barriers {
  unsigned at;
  __device__ unsigned there(int stage) const { return at + (unsigned)(8 * stage); }
  __device__ unsigned read(int stage) const { return at + (unsigned)(8 * (STAGES + stage)); }
  __device__ unsigned bias() const { return at + (unsigned)(8 * 2 * STAGES); }
};

// The slices that a block fetches one after the other
template <int COLS, int STAGES> struct Slice {
  const Launch &l;
  const int rank;
  int pair = (int)blockIdx.x / CLUSTER, index = 0, turn = 0;
  Tile tile;
  Begin row; // dividing takes longer than a slice's products, so once a tile
  Ring<STAGES> r;

  __device__ Slice(const Launch &l, int rank) : l(l), rank(rank), tile(l, pair, rank, COLS), row(l, tile.row) {}
  __device__ bool some() const { return pair < l.pairs; }
  __device__ void advance(int slices)
  {
    turn++;
    r.advance();
    if (++index == slices) {
      index = 0;
      pair += (int)gridDim.x / CLUSTER;
      tile = Tile(l, pair, rank, COLS);
      row = Begin(l, tile.row);
    }
  }
};

template <int COLS, int STAGES>
__device__ void produce(const CUtensorMap &x, const CUtensorMap &weight, const Launch &l, unsigned ring, Barriers<STAGES> b, int rank)
{
  constexpr int AHEAD = 2; // more would keep the first rows of x waiting
  const int slices = (l.p.in + SLICE - 1) / SLICE;
  const auto at = [&](const Slice<COLS, STAGES> &s) { return ring + (unsigned)(s.r.stage * stage_bytes<COLS>); };
  const auto fetch_weight = [&](const Slice<COLS, STAGES> &s) {
    vb_cuda::arrive_expecting(b.there(s.r.stage), stage_bytes<COLS>);
    if (s.turn % CLUSTER == rank)
      asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%2, %5, %5, %5, %3}], [%4], %6;" ::"r"(
                       at(s) + X_BYTES),
                   "l"(&weight), "r"(s.index * SLICE), "r"(s.tile.col / STEP), "r"(b.there(s.r.stage)), "r"(0), "h"((uint16_t)((1 << CLUSTER) - 1))
                   : "memory");
  };
  for (Slice<COLS, STAGES> s(l, rank); s.some() && s.turn < AHEAD; s.advance(slices)) // no kernel before this one writes weights
    fetch_weight(s);
  vb_cuda::await_kernel_before();
  Slice<COLS, STAGES> s(l, rank);
  for (; s.some(); s.advance(slices)) {
    if (s.turn >= AHEAD) {
      vb_cuda::wait_for_phase(b.read(s.r.stage), s.r.parity ^ 1);
      fetch_weight(s);
    }
    asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5, %6}], [%7];" ::"r"(at(s)), "l"(&x),
                 "r"(s.index * SLICE), "r"(s.row.pixel), "r"(s.row.line), "r"(s.row.across), "r"(s.row.down), "r"(b.there(s.r.stage))
                 : "memory");
  }
  for (int i = 0; i < STAGES; i++, s.r.advance()) // the block stays until the other one has arrived at its barriers
    vb_cuda::wait_for_phase(b.read(s.r.stage), s.r.parity ^ 1);
}

// c += so many steps of a slice, queued
template <class T, int STEPS, int HALF> __device__ void multiply(float (&c)[HALF], unsigned x, unsigned weight, bool onto)
{
  vb_cuda::begin_products();
#pragma unroll
  for (int k = 0; k < STEPS; k++)
    vb_cuda::queue_product<T>(c, vb_cuda::matrix_at(x + (unsigned)(k * STEP * 2), 16, 1024, vb_cuda::SWIZZLE_128),
                              vb_cuda::matrix_at(weight + (unsigned)(k * STEP * 2), 16, 1024, vb_cuda::SWIZZLE_128), onto || k > 0);
  vb_cuda::commit_products();
}

template <class T, int COLS, Ending END>
__device__ void consume(const Launch &l, unsigned ring, const T *bias, void *operands, Barriers<stages<COLS, END>> b, int rank, int group)
{
  const int slices = (l.p.in + SLICE - 1) / SLICE;
  const auto release = [&](int stage) {
    if (threadIdx.x % 32 == 0) {
      vb_cuda::arrive(b.read(stage));
      vb_cuda::arrive_in_cluster(b.read(stage), (unsigned)(rank ^ 1));
    }
  };
  float c[COLS / 2];
  Ring<stages<COLS, END>> r;

  for (int pair = (int)blockIdx.x / CLUSTER; pair < l.pairs; pair += (int)gridDim.x / CLUSTER) {
    const Part<T, COLS, END> part(l, Tile(l, pair, rank, COLS), operands);
    int before = 0;
    for (int i = 0; i < slices; i++) {
      const unsigned x = ring + (unsigned)(r.stage * stage_bytes<COLS> + group * X_BYTES / 2);
      const unsigned weight = ring + (unsigned)(r.stage * stage_bytes<COLS> + X_BYTES);
      vb_cuda::wait_for_phase(b.there(r.stage), r.parity);
      switch (l.p.in - i * SLICE) { // no branch between a slice's products, or the compiler would part them
      case STEP: multiply<T, 1>(c, x, weight, i > 0); break;
      case 2 * STEP: multiply<T, 2>(c, x, weight, i > 0); break;
      case 3 * STEP: multiply<T, 3>(c, x, weight, i > 0); break;
      default: multiply<T, 4>(c, x, weight, i > 0);
      }
      if (i == 0) {
        part.fetch_operands(); // while the first products run
      } else {
        vb_cuda::wait_products<1>();
        release(before);
      }
      before = r.stage;
      r.advance();
    }
    vb_cuda::wait_products<0>();
    vb_cuda::settled(c);
    release(before);
    vb_cuda::wait_for_phase(b.bias(), 0);
    part.finish(c, bias);
  }
}

#endif

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define VB_IN_CLUSTERS __cluster_dims__(CLUSTER, 1, 1)
#else // never launched
#define VB_IN_CLUSTERS
#endif

template <class T, int COLS, Ending END>
__global__ void VB_IN_CLUSTERS __launch_bounds__(THREADS, 1)
    product(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap weight, const __grid_constant__ Launch l)
{
#ifdef VB_HAVE_WARPGROUPS
  constexpr int STAGES = stages<COLS, END>;
  extern __shared__ unsigned char raw[];
  __shared__ uint64_t barriers[2 * STAGES + 1];
  const Barriers<STAGES> b = {vb_cuda::shared_address(barriers)};
  const unsigned ring = (vb_cuda::shared_address(raw) + 1023) & ~1023u;
  unsigned char *behind = raw + (ring - vb_cuda::shared_address(raw)) + STAGES * stage_bytes<COLS>;
  T *bias = (T *)(behind + operand_bytes<COLS, END>);
  const int group = __shfl_sync(~0u, (int)threadIdx.x / GROUP, 0) /* the compiler sees that warps do not part */, rank = (int)blockIdx.x % CLUSTER;
  const int fetcher = (int)threadIdx.x - 2 * GROUP;

  if (fetcher == 0) {
    vb_cuda::prefetch(x);
    vb_cuda::prefetch(weight);
  }
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      vb_cuda::prepare(b.there(i), 1);
      vb_cuda::prepare(b.read(i), CLUSTER * 2 * GROUP / 32); // a lane of each warp that reads it, of both blocks
    }
    vb_cuda::prepare(b.bias(), GROUP - 32);
  }
  vb_cuda::meet_in_cluster();
  if (group < 2) {
    vb_cuda::await_kernel_before();
    consume<T, COLS, END>(l, ring, bias, behind, b, rank, group);
  } else if (fetcher >= 32) {
    for (int i = (fetcher - 32) * 8; i < l.p.out; i += (GROUP - 32) * 8) // no kernel before this one writes it
      vb_cuda::store_wide(bias + i, vb_cuda::load_wide((const T *)l.p.bias_dev + i));
    vb_cuda::arrive(b.bias());
  } else if (fetcher == 0) {
    produce<COLS>(x, weight, l, ring, b, rank);
  }
#else
  vb_cuda::await_kernel_before();
#endif
}

constexpr int widths[] = {192, 144, 128, 112, 96};

int clusters() { return vb_cuda::multiprocessors() / CLUSTER; }

int pairs_down(int64_t rows) { return (int)((rows + CLUSTER * ROWS - 1) / (CLUSTER * ROWS)); }

struct Plan {
  int cols = 0, rounds = 0; // width of tiles, and how often all multiprocessors take one; 0: none divides the columns
};

Plan plan_of(int64_t rows, int out)
{
  Plan best;
  for (const int cols : widths) {
    const int64_t pairs = (int64_t)pairs_down(rows) * (out / cols), rounds = (pairs + clusters() - 1) / clusters();
    if (out % cols == 0 && (!best.cols || rounds * cols < (int64_t)best.rounds * best.cols))
      best = {cols, (int)rounds};
  }
  return best;
}

template <class T, int COLS, Ending END> vb_status launch(const Launch &l, const CUtensorMap &x, const CUtensorMap &weight, void *stream, vb_err *err)
{
  static const cudaError_t e = cudaFuncSetAttribute(product<T, COLS, END>, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes<COLS, END>);
  if (e != cudaSuccess) {
    (void)cudaGetLastError();
    return vb_fail(err, VB_ECUDA, "a linear layer on the device: %d bytes of shared memory: %s", shared_bytes<COLS, END>, cudaGetErrorString(e));
  }
  const int n = l.pairs < clusters() ? l.pairs : clusters();
  vb_cuda::queue_kernel(product<T, COLS, END>, (unsigned)(n * CLUSTER), THREADS, shared_bytes<COLS, END>, stream, x, weight, l);
  return vb_cuda::launched("a linear layer", err);
}

// x's rows by tiles: as they lie, or lines of a window, or windows side by side
bool describe_rows(CUtensorMap *x, vb_dtype dtype, const Launch &l)
{
  const vb_cuda_product &p = l.p;
  if (!l.across)
    return vb_cuda::describe(x, dtype, p.x_dev, {(cuuint64_t)p.in, (cuuint64_t)p.rows, 1, 1, 1}, {p.in, p.in, p.in, p.in}, {SLICE, ROWS, 1, 1, 1});
  const int side = p.window, lines = ROWS / side < side ? ROWS / side : side;
  const cuuint64_t length = (cuuint64_t)side, across = (cuuint64_t)l.across, down = (cuuint64_t)(p.rows / (side * p.map_w));
  return vb_cuda::describe(x, dtype, p.x_dev, {(cuuint64_t)p.in, length, length, across, down}, {p.in, p.map_w * p.in, side * p.in, side * p.map_w * p.in},
                           {SLICE, (cuuint32_t)side, (cuuint32_t)lines, (cuuint32_t)(ROWS / (side * lines)), 1});
}

template <class T, int COLS> vb_status launch_of(const Launch &l, vb_dtype dtype, void *stream, vb_err *err)
{
  const vb_cuda_product &p = l.p;
  CUtensorMap x, weight;
  // weights: of each 16 rows those of two neighbours, of every fourth such two, of both rests
  if (!describe_rows(&x, dtype, l) ||
      !vb_cuda::describe(&weight, dtype, p.weight_dev, {(cuuint64_t)p.in, 2, 4, 2, (cuuint64_t)p.out / STEP}, {p.in, 4 * p.in, 2 * p.in, STEP * p.in},
                         {SLICE, 2, 4, 2, (cuuint32_t)COLS / STEP}))
    return vb_fail(err, VB_ECUDA, "a linear layer on the device: the driver refuses to describe %lld rows of %d channels", (long long)p.rows, p.in);
  if (p.residual_dev)
    return launch<T, COLS, ONTO>(l, x, weight, stream, err);
  if (p.turn.table_dev)
    return launch<T, COLS, TURN>(l, x, weight, stream, err);
  return p.gelu ? launch<T, COLS, GELU>(l, x, weight, stream, err) : launch<T, COLS, PLAIN>(l, x, weight, stream, err);
}

template <class T> vb_status launch_with(const Launch &l, vb_dtype dtype, int cols, void *stream, vb_err *err)
{
  switch (cols) {
  case 192: return launch_of<T, 192>(l, dtype, stream, err);
  case 144: return launch_of<T, 144>(l, dtype, stream, err);
  case 128: return launch_of<T, 128>(l, dtype, stream, err);
  case 112: return launch_of<T, 112>(l, dtype, stream, err);
  default: return launch_of<T, 96>(l, dtype, stream, err);
  }
}

bool turns_well(const vb_cuda_product &p)
{
  const vb_cuda_turn &t = p.turn;
  return !t.table_dev || (t.tokens >= 1 && t.memory >= t.tokens && t.memories >= 1 && t.sequence >= (int64_t)t.memories * t.memory && p.rows % t.sequence == 0 &&
                          t.channels >= STEP && t.channels % STEP == 0 && t.columns % STEP == 0 && (int64_t)t.tokens * t.channels <= INT32_MAX);
}

bool normalizes_well(const vb_cuda_product &p)
{
  const vb_cuda_product_norm &n = p.norm;
  return (!n.sums_dev || (n.parts >= 1 && n.parts <= VB_CUDA_PRODUCT_PARTS && !p.residual_dev && !p.turn.table_dev)) && (!p.sums_dev || p.residual_dev);
}

// Rows of windows are those of maps, in another order.
bool reads_windows(const vb_cuda_product &p)
{
  return vb_cuda_product_takes_windows(p.map_h, p.map_w, p.window) && p.rows % ((int64_t)p.map_h * p.map_w) == 0;
}

bool lies_well(const vb_cuda_product &p, const void *y)
{
  for (const void *dev : {y, p.x_dev, p.weight_dev, p.bias_dev})
    if (!dev || !vb_cuda::aligned(dev, 16))
      return false;
  return vb_cuda::aligned(p.residual_dev, 16) && vb_cuda::aligned(p.turn.table_dev, 16) && vb_cuda::aligned(p.norm.sums_dev, 8) && vb_cuda::aligned(p.sums_dev, 8);
}

} // namespace

extern "C" bool vb_cuda_product_takes(int64_t rows, int in, int out)
{
  return vb_cuda::has_warp_groups() && vb_cuda::encode_function() && rows >= 1 && rows <= INT32_MAX - 2 * ROWS && in >= SLICE && in % STEP == 0 &&
         out <= MOST_OUT && plan_of(rows, out).cols > 0;
}

extern "C" bool vb_cuda_product_takes_windows(int map_h, int map_w, int window)
{
  if (window < 1 || map_h < 1 || map_w < 1 || map_h % window || map_w % window)
    return false;
  const int rows = window * window; // a tile is lines of a window, or windows side by side
  return rows >= ROWS ? ROWS % window == 0 : ROWS % rows == 0 && map_w / window % (ROWS / rows) == 0;
}

extern "C" int vb_cuda_product_parts(int64_t rows, int out)
{
  const int cols = plan_of(rows, out).cols;
  return cols ? out / cols : 0;
}

extern "C" double vb_cuda_product_share(int64_t rows, int out)
{
  const Plan plan = plan_of(rows, out);
  return plan.cols ? (double)rows * out / ((double)plan.rounds * plan.cols * clusters() * CLUSTER * ROWS) : 0;
}

extern "C" vb_status vb_cuda_product_of(void *y_dev, vb_dtype dtype, const vb_cuda_product *p, void *cuda_stream, vb_err *err)
{
  const int endings = (p->residual_dev != nullptr) + p->gelu + (p->turn.table_dev != nullptr);
  const bool windows = p->window != 0, of_maps = windows && !p->residual_dev;
  if (!vb_cuda_product_takes(p->rows, p->in, p->out) || (windows && (p->window < 1 || p->map_h < 1 || p->map_w < 1)) || (of_maps && !reads_windows(*p)) ||
      !turns_well(*p) || !normalizes_well(*p))
    return vb_fail(err, VB_ESHAPE, "a linear layer of %lld rows, %d to %d channels, on the device: sizes that it does not take, or not compute capability 9.0",
                   (long long)p->rows, p->in, p->out);
  if (!lies_well(*p, y_dev) || endings > 1 || (dtype != VB_FLOAT16 && dtype != VB_BFLOAT16))
    return vb_fail(err, VB_EARG,
                   "a linear layer on the device: values that lack or are not aligned to 16 bytes, dtype %d, which is no half precision, or two endings at once",
                   (int)dtype);
  const int cols = plan_of(p->rows, p->out).cols, down = pairs_down(p->rows);
  Launch l = {*p, y_dev, down, down * (p->out / cols), of_maps ? p->map_w / p->window : 0, 0};
  while (of_maps && 1 << l.side_bits < p->window)
    l.side_bits++;
  return dtype == VB_FLOAT16 ? launch_with<__half>(l, dtype, cols, cuda_stream, err) : launch_with<__nv_bfloat16>(l, dtype, cols, cuda_stream, err);
}

#else

extern "C" bool vb_cuda_product_takes(int64_t, int, int) { return false; }
extern "C" bool vb_cuda_product_takes_windows(int, int, int) { return false; }
extern "C" int vb_cuda_product_parts(int64_t, int) { return 0; }
extern "C" double vb_cuda_product_share(int64_t, int) { return 0; }

extern "C" vb_status vb_cuda_product_of(void *, vb_dtype, const vb_cuda_product *, void *, vb_err *err)
{
  return vb_fail(err, VB_ECUDA, "a linear layer on the device: this build is of a CUDA before 12");
}

#endif
