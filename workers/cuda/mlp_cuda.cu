/* An MLP with its residual; see mlp_cuda.h.
 *
 * Both weights lie in shared memory. A warp takes 16 rows: they are the left side of the first product, 16 hidden values of
 * each come out of it, and go through the GELU straight into the left side of the second. */
#include "mlp_cuda.h"

#include "fragments.cuh"
#include "gelu_formula.h"

namespace {

using vb_cuda::load_matrices;
using vb_cuda::multiply;
using vb_cuda::of_pair;
using vb_cuda::pair;
using vb_cuda::to_float;

constexpr int WARPS = 8, ROWS = 16; // of a warp

template <int C> struct Sizes {
  static constexpr int HIDDEN = 2 * C;
  // 16 bytes more than a row has, so that eight rows meet all banks
  static constexpr int IN_PITCH = C + 8, OUT_PITCH = HIDDEN + 8;
  static constexpr size_t SHARED = 2 * (size_t)(HIDDEN * IN_PITCH + C * OUT_PITCH);
};

template <class T> __device__ void fetch(T *to, const T *from, int rows, int width, int pitch)
{
  for (int i = (int)threadIdx.x; i < rows * width / 8; i += WARPS * 32) {
    const int row = i * 8 / width;
    vb_cuda::store_wide(to + row * pitch + i * 8 - row * width, vb_cuda::load_wide(from + i * 8));
  }
}

template <class T, int C>
__global__ void __launch_bounds__(WARPS * 32, C == 48 ? 3 : 2) mlp(T *__restrict__ to, const T *__restrict__ x, int64_t rows, vb_cuda_mlp_weights w)
{
  vb_cuda::await_kernel_before();
  using S = Sizes<C>;
  extern __shared__ __align__(16) unsigned char raw[];
  T *in = (T *)raw, *out = in + S::HIDDEN * S::IN_PITCH;
  fetch(in, (const T *)w.in_dev, S::HIDDEN, C, S::IN_PITCH);
  fetch(out, (const T *)w.out_dev, C, S::HIDDEN, S::OUT_PITCH);
  __syncthreads();

  const T *in_bias = (const T *)w.in_bias_dev, *out_bias = (const T *)w.out_bias_dev;
  const int lane = (int)threadIdx.x % 32, group = lane / 4, two = lane % 4 * 2;
  // of ldmatrix: which of the four matrices, and which of its rows this lane points to
  const int matrix_row = lane % 8 + lane / 16 * 8, matrix_column = lane / 8 % 2 * 8;
  const unsigned in_at = vb_cuda::shared_address(in + matrix_row * S::IN_PITCH + matrix_column);
  const unsigned out_at = vb_cuda::shared_address(out + matrix_row * S::OUT_PITCH + matrix_column);

  for (int64_t first = ((int64_t)blockIdx.x * WARPS + threadIdx.x / 32) * ROWS; first < rows; first += (int64_t)gridDim.x * WARPS * ROWS) {
    const bool there[2] = {first + group < rows, first + group + 8 < rows};
    const T *own = x + (first + group) * C + two;
    unsigned a[C / 16][4];
#pragma unroll
    for (int s = 0; s < C / 16; s++)
#pragma unroll
      for (int r = 0; r < 4; r++)
        a[s][r] = there[r % 2] ? *reinterpret_cast<const unsigned *>(own + r % 2 * 8 * C + s * 16 + r / 2 * 8) : 0;
    float o[C / 8][4] = {};

#pragma unroll 1
    for (int h = 0; h < S::HIDDEN; h += 16) {
      float s[2][4];
#pragma unroll
      for (int n = 0; n < 2; n++) {
        const float2 b = of_pair<T>(*reinterpret_cast<const unsigned *>(in_bias + h + n * 8 + two));
        s[n][0] = s[n][2] = b.x;
        s[n][1] = s[n][3] = b.y;
      }
#pragma unroll
      for (int c = 0; c < C / 16; c++) {
        unsigned b[4]; // hidden values 0 to 7 by both halves of the step, then 8 to 15
        load_matrices(b, in_at + (unsigned)((h * S::IN_PITCH + c * 16) * (int)sizeof(T)));
        multiply(s[0], a[c], b[0], b[1], (T *)nullptr);
        multiply(s[1], a[c], b[2], b[3], (T *)nullptr);
      }
      unsigned p[4];
#pragma unroll
      for (int n = 0; n < 2; n++)
#pragma unroll
        for (int row = 0; row < 2; row++) {
          const float2 v = of_pair<T>(pair<T>(s[n][2 * row], s[n][2 * row + 1]));
          p[2 * n + row] = pair<T>(vb_gelu(v.x), vb_gelu(v.y));
        }
#pragma unroll
      for (int n = 0; n < C / 16; n++) {
        unsigned b[4];
        load_matrices(b, out_at + (unsigned)((n * 16 * S::OUT_PITCH + h) * (int)sizeof(T)));
        multiply(o[2 * n], p, b[0], b[1], (T *)nullptr);
        multiply(o[2 * n + 1], p, b[2], b[3], (T *)nullptr);
      }
    }
#pragma unroll
    for (int n = 0; n < C / 8; n++) {
      const float2 b = of_pair<T>(*reinterpret_cast<const unsigned *>(out_bias + n * 8 + two));
#pragma unroll
      for (int row = 0; row < 2; row++)
        if (there[row]) {
          const float2 residual = of_pair<T>(a[n / 2][n % 2 * 2 + row]);
          *reinterpret_cast<unsigned *>(to + (first + group + row * 8) * C + n * 8 + two) =
              pair<T>(o[n][2 * row] + b.x + residual.x, o[n][2 * row + 1] + b.y + residual.y);
        }
    }
  }
}

template <class T, int C> vb_status launch(T *to, const T *x, int64_t rows, const vb_cuda_mlp_weights &w, cudaStream_t stream, vb_err *err)
{
  constexpr size_t shared = Sizes<C>::SHARED;
  int resident = 0;
  cudaError_t e = cudaFuncSetAttribute(mlp<T, C>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
  if (e == cudaSuccess)
    e = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, mlp<T, C>, WARPS * 32, shared);
  if (e != cudaSuccess || resident < 1) {
    (void)cudaGetLastError();
    return vb_fail(err, VB_ECUDA, "MLP of %d channels on the device: %zu bytes of shared memory: %s", C, shared, cudaGetErrorString(e));
  }
  const int64_t blocks = (rows + WARPS * ROWS - 1) / (WARPS * ROWS), most = (int64_t)vb_cuda::multiprocessors() * resident; // the weights are fetched once a block
  vb_cuda::queue_kernel(mlp<T, C>, (unsigned)(blocks < most ? blocks : most), WARPS * 32, shared, stream, to, x, rows, w);
  return vb_cuda::launched("MLP", err);
}

template <class T> vb_status by_channels(T *to, const T *x, int64_t rows, const vb_cuda_mlp_weights &w, cudaStream_t stream, vb_err *err)
{
  return w.channels == 48 ? launch<T, 48>(to, x, rows, w, stream, err) : launch<T, 96>(to, x, rows, w, stream, err);
}

} // namespace

extern "C" bool vb_cuda_mlp_takes(int channels) { return channels == 48 || channels == 96; }

extern "C" vb_status vb_cuda_mlp(void *to_dev, const void *x_dev, vb_dtype dtype, int64_t rows, const vb_cuda_mlp_weights *w, void *cuda_stream, vb_err *err)
{
  if (rows < 1 || !vb_cuda_mlp_takes(w->channels))
    return vb_fail(err, VB_ESHAPE, "MLP of %lld rows of %d channels on the device: sizes that it does not take", (long long)rows, w->channels);
  const void *const all[] = {to_dev, x_dev, w->in_dev, w->in_bias_dev, w->out_dev, w->out_bias_dev};
  for (const void *p : all)
    if (!p || !vb_cuda::aligned(p, 16))
      return vb_fail(err, VB_EARG, "MLP on the device: values that lack or are not aligned to 16 bytes");
  if (dtype == VB_FLOAT16)
    return by_channels((__half *)to_dev, (const __half *)x_dev, rows, *w, (cudaStream_t)cuda_stream, err);
  if (dtype == VB_BFLOAT16)
    return by_channels((__nv_bfloat16 *)to_dev, (const __nv_bfloat16 *)x_dev, rows, *w, (cudaStream_t)cuda_stream, err);
  return vb_fail(err, VB_EARG, "MLP on the device: dtype %d is no half precision", (int)dtype);
}
