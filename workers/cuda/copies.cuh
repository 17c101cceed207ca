// Copies from device to shared memory that run beside the threads (cp.async), and barriers in shared memory that tell when
// they have arrived, or their readers are through (PTX manual, "Asynchronous copy" and "mbarrier").
#ifndef VB_CUDA_COPIES_CUH
#define VB_CUDA_COPIES_CUH

#include "fragments.cuh"

namespace vb_cuda {

// 16 bytes, or zeros, where there is nothing at from (which is not read then).
__device__ inline void copy_16(unsigned to, const void *from, bool there)
{
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0) : "memory");
}

__device__ inline void copy_8(unsigned to, const void *from) { asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(to), "l"(from) : "memory"); }

__device__ inline void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// A barrier is 8 bytes. Its phases end one after the other, each when so many have arrived and the bytes expected are there;
// threads meet (__syncthreads) between prepare() and that.
__device__ inline void prepare(unsigned barrier, int arrivals) { asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory"); }

__device__ inline void arrive(unsigned barrier) { asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(barrier) : "memory"); }

// At the same barrier of another block of the cluster
__device__ inline void arrive_in_cluster(unsigned barrier, unsigned block)
{
  asm volatile("{.reg .b32 there; mapa.shared::cluster.u32 there, %0, %1; mbarrier.arrive.shared::cluster.b64 _, [there];}" ::"r"(barrier), "r"(block)
               : "memory");
}

// All threads of a cluster's blocks, whose barriers are prepared then
__device__ inline void meet_in_cluster()
{
  asm volatile("fence.mbarrier_init.release.cluster; barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// With this thread's copies so far, once they are there
__device__ inline void arrive_by_copies(unsigned barrier) { asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(barrier) : "memory"); }

// And so many bytes, which bulk copies bring
__device__ inline void arrive_expecting(unsigned barrier, int bytes)
{
  asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

// Until the n-th phase, of which parity is n % 2, is over; that before the first one is.
__device__ inline void wait_for_phase(unsigned barrier, int parity)
{
  unsigned done;
  do
    asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}" : "=r"(done) : "r"(barrier), "r"(parity) : "memory");
  while (!done);
}

// What threads and cp.async have written to shared memory is seen by what reads it by itself, as wgmma does.
__device__ inline void show_to_tensor_cores() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

#endif

} // namespace vb_cuda
#endif
