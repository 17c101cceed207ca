/* Recall from the memory bank, four channels by a thread; see recall_cuda.h. */
#include "recall_cuda.h"

#include "vectors.cuh"

namespace {

using vb_cuda::load4;
using vb_cuda::store4;

constexpr int THREADS = 256;

template <class In, class Out> __global__ void __launch_bounds__(THREADS) recall(Out *memory, Out *keys, vb_cuda_recall r)
{
  vb_cuda::await_kernel_before();
  const int fours = r.width / 4, spatial = r.memories * r.tokens, tokens = spatial + r.pointers * r.pointer_tokens;
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x, token_of_all = i / fours;
  const int object = (int)(token_of_all / tokens), token = (int)(token_of_all - (int64_t)object * tokens), c = (int)(i % fours) * 4;
  if (object >= r.objects)
    return;
  float4 v, place = {0, 0, 0, 0};
  if (token < spatial) {
    const int m = token / r.tokens, t = token - m * r.tokens;
    v = load4((const In *)r.bank_dev + (r.rows_dev[object * r.memories + m] * r.tokens + t) * r.width + c);
    place = load4(r.places_dev + ((int64_t)r.place[m] * r.tokens + t) * r.width + c);
  } else {
    const int p = (token - spatial) / r.pointer_tokens, t = (token - spatial) % r.pointer_tokens;
    v = load4(r.pointers_dev + (r.pointer_rows_dev[object * r.pointers + p] * r.pointer_tokens + t) * r.width + c);
    if (r.pointer_places_dev)
      place = load4(r.pointer_places_dev + ((int64_t)object * r.pointers + p) * r.width + c);
  }
  store4(memory + i * 4, v);
  store4(keys + i * 4, {v.x + place.x, v.y + place.y, v.z + place.z, v.w + place.w});
}

} // namespace

extern "C" vb_status vb_cuda_recall_tokens(void *memory_dev, void *keys_dev, const vb_cuda_recall *r, void *cuda_stream, vb_err *err)
{
  const int64_t tokens = (int64_t)r->memories * r->tokens + (int64_t)r->pointers * r->pointer_tokens, blocks = (r->objects * tokens * (r->width / 4) + THREADS - 1) / THREADS;
  if (r->objects < 1 || r->memories < 1 || r->memories > VB_RECALL_MEMORIES || r->pointers < 0 || r->tokens < 1 || r->width < 4 || r->width % 4 || r->pointer_tokens < 1 ||
      tokens > INT32_MAX || blocks > INT32_MAX)
    return vb_fail(err, VB_ESHAPE, "recall of %d memories of %d tokens and %d pointers for %d objects on the device: sizes that cannot be", r->memories, r->tokens, r->pointers,
                   r->objects);
  if (!vb_cuda::aligned(memory_dev, 4 * vb_cuda::size_of(r->out)) || !vb_cuda::aligned(keys_dev, 4 * vb_cuda::size_of(r->out)) ||
      !vb_cuda::aligned(r->bank_dev, 4 * vb_cuda::size_of(r->stored)) || !vb_cuda::aligned(r->places_dev, 16) || !vb_cuda::aligned(r->pointers_dev, 16) ||
      !vb_cuda::aligned(r->pointer_places_dev, 16))
    return vb_fail(err, VB_EARG, "recall on the device: values that are not aligned to four");
  bool known = false;
  vb_cuda::by_dtype(r->stored, [&](auto *in) {
    known = vb_cuda::by_dtype(r->out, [&](auto *out) {
      using In = std::remove_pointer_t<decltype(in)>;
      using Out = std::remove_pointer_t<decltype(out)>;
      vb_cuda::queue_kernel(recall<In, Out>, (unsigned)blocks, THREADS, 0, cuda_stream, (Out *)memory_dev, (Out *)keys_dev, *r);
    });
  });
  return known ? vb_cuda::launched("recall", err) : vb_fail(err, VB_EARG, "recall on the device: dtype %d or %d is none", (int)r->stored, (int)r->out);
}
