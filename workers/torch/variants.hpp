// What tells the models apart, as data: one row per model, read where the network is built and nowhere else.
#ifndef VB_TORCH_VARIANTS_HPP
#define VB_TORCH_VARIANTS_HPP

#include "hiera.hpp"

namespace vb {

struct Variant {
  const char *name;               // canonical
  std::optional<HieraSpec> hiera; // none: RepViT
  int n_memory_layers;
  bool perceiver;                 // memories are 512 latents instead of one token per position
  bool pointer_ages;              // pointers carry their age, through obj_ptr_tpos_proj
  bool no_obj_embed_spatial;      // a memory of a frame without the object says so
};

const Variant &find_variant(const char *name); // VB_EARG where there is none

} // namespace vb
#endif
