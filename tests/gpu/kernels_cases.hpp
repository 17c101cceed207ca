// What the checks of test_kernels_cuda share: comparison, timing, and the list of groups.
#ifndef VB_TEST_KERNELS_CASES_HPP
#define VB_TEST_KERNELS_CASES_HPP

#include "torch/kernels.hpp"

#include <functional>
#include <map>

using at::Tensor;

class Report {
public:
  bool timed = true, verbose = false;
  int compared = 0, failed = 0;

  // Equal within limit, relative to the greatest value of want (1 at least); 0: to the bit. NaN only where want has it.
  void compare(const std::string &what, const Tensor &got, const Tensor &want, double limit);
  void end_group(const char *name); // prints what it compared
  // Microseconds per call of both, on the device.
  void time(const std::string &what, const std::function<void()> &ours, const std::function<void()> &twin);

private:
  void judge(const std::string &what, bool good, double difference, const Tensor &of, const std::string &said);
  int compared_before_ = 0, failed_before_ = 0;      // the present group
  std::map<std::string, double> greatest_;           // difference in the present group, by the dtype compared
  std::vector<std::string> times_;                   // lines of the present group
};

struct Group {
  const char *name;
  void (*check)(Report &);
};

extern const std::vector<Group> groups;

std::string shape_of(const Tensor &t); // "float16 [1, 2, 3]"
Tensor on_gpu(at::IntArrayRef sizes, at::ScalarType dtype); // normally distributed
bool is_hopper(); // compute capability 9.0

void check_preprocess(Report &r);
void check_patches(Report &r);
void check_stem(Report &r);
void check_mask_bits(Report &r);
void check_rotate(Report &r);
void check_norm(Report &r);
void check_windows(Report &r);
void check_norm_gelu(Report &r);
void check_gelu(Report &r);
void check_pool(Report &r);
void check_merge(Report &r);
void check_depthwise(Report &r);
void check_excite(Report &r);
void check_mask_map(Report &r);
void check_recall(Report &r);
void check_mlp(Report &r);
void check_window_attention(Report &r);
void check_cross_attention(Report &r);
void check_tokens(Report &r);
void check_pick(Report &r);
void check_products(Report &r);
void check_fused_product(Report &r);

#endif
