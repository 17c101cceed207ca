// Our CUDA kernels against their ATen twins: equal results, and the time of both beside each other.
//
//   test_kernels_cuda [--quick] [--verbose] [GROUP]
//     --quick: no times; --verbose: every comparison, not failures alone; GROUP: only groups with that in their name
//
// Per group of kernels: comparisons, the greatest difference by dtype (relative to the greatest value; integers: how many
// differ), and microseconds per call of ours and of the twin, in a CUDA graph, so that no launch is counted that a graph
// spares. Ends with 77 where there is no GPU.
#include "kernels_cases.hpp"

#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstring>

int main(int argc, char **argv)
{
  if (c10::cuda::device_count() == 0) {
    printf("skipped: no CUDA device\n");
    return 77;
  }
  const c10::InferenceMode inference;
  const c10::cuda::CUDAStreamGuard on(c10::cuda::getStreamFromPool()); // graphs are captured on any stream but the default
  if (!vb::kernels::usable(at::Device(at::kCUDA, 0))) {
    printf("FAIL: no kernel of this build runs on the device\n");
    return 1;
  }
  Report report;
  const char *only = "";
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--quick"))
      report.timed = false;
    else if (!strcmp(argv[i], "--verbose"))
      report.verbose = true;
    else
      only = argv[i];
  at::manual_seed(3);
  at::globalContext().setAllowTF32CuDNN(false); // the twins' convolutions
  for (const Group &group : groups) {
    if (!strstr(group.name, only))
      continue;
    try {
      group.check(report);
    } catch (const std::exception &e) {
      report.failed++;
      printf("FAIL %s: %s\n", group.name, e.what());
    }
    report.end_group(group.name);
  }
  printf("%d comparisons, %d failed\n", report.compared, report.failed);
  return report.failed ? 1 : 0;
}
