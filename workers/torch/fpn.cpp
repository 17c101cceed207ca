// Feature pyramid neck.
#include "fpn.hpp"

namespace vb {

namespace {

constexpr int64_t dim = 256;

// second(first(x)) of two 1x1 convolutions as one, multiplied in float64.
void load_product(Conv2d &out, const Loader &first, const Loader &second, int64_t in, int64_t n)
{
  Tensor a = first.host("weight", {dim, in, 1, 1}).to(at::kDouble).view({dim, in});
  Tensor b = second.host("weight", {n, dim, 1, 1}).to(at::kDouble).view({n, dim});
  Tensor bias = at::mv(b, first.host("bias", {dim}).to(at::kDouble)) + second.host("bias", {n});
  out.set(first, at::mm(b, a).to(at::kFloat).view({n, in, 1, 1}), bias.to(at::kFloat), 1, 0, 1);
}

} // namespace

void Fpn::load(const Loader &neck, const Loader &decoder, const std::array<int64_t, 4> &channels)
{
  // the neck's convolutions are listed from the coarsest level on
  const auto conv = [&](int i) { return neck.in("convs").in(i).in("conv"); };
  lateral3.load(conv(0), channels[3], dim, 1);
  lateral2.load(conv(1), channels[2], dim, 1);
  load_product(s1, conv(2), decoder.in("conv_s1"), channels[1], dim / 4);
  load_product(s0, conv(3), decoder.in("conv_s0"), channels[0], dim / 8);
}

Features Fpn::operator()(const std::array<Tensor, 4> &trunk) const
{
  Tensor coarse = lateral3(trunk[3]).to(at::kFloat);
  Tensor fine = lateral2(trunk[2]);
  Tensor top_down = at::upsample_nearest2d(coarse, {fine.size(2), fine.size(3)}, 2.0, 2.0);
  return {s0(trunk[0]), s1(trunk[1]), (fine + top_down).contiguous(at::MemoryFormat::ChannelsLast), {}};
}

} // namespace vb
