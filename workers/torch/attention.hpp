// The one place where attention runs, and the proof of what ran.
//
// Each call names its site, picks a backend as F.scaled_dot_product_attention would, calls that backend's own
// ATen op and keeps a record; under --require-flash it picks among flash kernels or stops with the reason. On a GPU
// what is fastest is measured when a shape is first seen: attention_ways.hpp.
#ifndef VB_TORCH_ATTENTION_HPP
#define VB_TORCH_ATTENTION_HPP

#include "attention_ways.hpp"
#include "precision.hpp"

namespace vb {

class Attention {
public:
  bool measures = true; // on a GPU; false: libtorch's choice, as it is
  void configure(const Precision &precision, vb_require_flash require); // forgets the records
  // q [B, heads, n, d], k and v [B, heads, m, d] -> [B, heads, n, d]. VB_EARG where the required kernel cannot run.
  Tensor operator()(const char *site, const Tensor &q, const Tensor &k, const Tensor &v);
  // The same with values narrower than the keys, to be projected afterwards; only where takes_narrow_values says so.
  Tensor narrow(const char *site, const Tensor &q, const Tensor &k, const Tensor &v);
  bool takes_narrow_values(const Tensor &q, const Tensor &k, const Tensor &v);
  size_t records(vb_attention_site *out, size_t cap) const;
  // The records apart from the choices, for CUDA graphs: taken out where calls were captured, added by each replay, also
  // when configure has forgotten the choices since.
  using Records = std::vector<vb_attention_site>;
  Records take();
  void add(const Records &records);

private:
  struct Site {
    vb_attention_site record = {}; // one call as it is now
    SdpWay way;
    std::vector<int64_t> shape; // that the way was chosen for: q's sizes and the number of keys
  };
  void choose(Site &site, const Tensor &q, const Tensor &k, const Tensor &v);
  bool note_shape(Site &site, const Tensor &q, const Tensor &k); // true: another one than the last
  Site &site(const char *name);
  void count(const vb_attention_site &calls);

  SdpWay measured(const SdpWay &given, const Tensor &q, const Tensor &k, const Tensor &v, double *ms);

  struct Measured { // of shapes seen; kept as long as the precision
    std::vector<int64_t> shape;
    SdpWay way;
    double ms;
  };
  std::vector<Measured> measured_;
  Precision precision_;
  vb_require_flash require_ = VB_FLASH_ANY;
  std::vector<Site> sites_; // a dozen
  Records rows_;            // by site and backend
};

// [B, n, heads * d] <-> [B, heads, n, d]
Tensor split_heads(const Tensor &x, int64_t heads);
Tensor join_heads(const Tensor &x);

} // namespace vb
#endif
