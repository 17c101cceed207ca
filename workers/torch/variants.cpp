// The table of models.
// Source: sam2@2b90b9f sam2/configs/sam2/*.yaml, sam2/configs/sam2.1/*.yaml (base+ has the defaults of
// hieradet.py:171-200); EdgeTAM@9cc44bf sam2/configs/edgetam.yaml
#include "variants.hpp"

#include <cstring>

namespace vb {

namespace {

constexpr HieraSpec tiny = {96, 1, {1, 2, 7, 2}, {5, 7, 9}, 7, {8, 4, 14, 7}};
constexpr HieraSpec small = {96, 1, {1, 2, 11, 2}, {7, 10, 13}, 7, {8, 4, 14, 7}};
constexpr HieraSpec base_plus = {112, 2, {2, 3, 16, 3}, {12, 16, 20}, 14, {8, 4, 14, 7}};
constexpr HieraSpec large = {144, 2, {2, 6, 36, 4}, {23, 33, 43}, 7, {8, 4, 16, 8}};

const Variant variants[] = {
    // name       trunk       layers perceiver ages   no_obj_embed
    {"edgetam", std::nullopt, 2, true, false, false},
    {"sam2_t", tiny, 4, false, false, false},
    {"sam2_s", small, 4, false, false, false},
    {"sam2_b+", base_plus, 4, false, false, false},
    {"sam2_l", large, 4, false, false, false},
    {"sam2.1_t", tiny, 4, false, true, true},
    {"sam2.1_s", small, 4, false, true, true},
    {"sam2.1_b+", base_plus, 4, false, true, true},
    {"sam2.1_l", large, 4, false, true, true},
};

} // namespace

const Variant &find_variant(const char *name)
{
  for (const Variant &v : variants)
    if (strcmp(v.name, name) == 0)
      return v;
  fail(VB_EARG, "model '%s': libtorch's side of this build does not know it", name);
}

} // namespace vb
