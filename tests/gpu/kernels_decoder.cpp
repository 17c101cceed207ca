// Kernels of the mask decoder, and products by cuBLASLt.
#include "kernels_cases.hpp"

#include "torch/fused_product.hpp"
#include "torch/kernels_decoder.hpp"

#include <cmath>

namespace {

namespace kernels = vb::kernels;

const at::ScalarType dtypes[] = {at::kFloat, at::kHalf, at::kBFloat16};
const at::ScalarType halves[] = {at::kHalf, at::kBFloat16};

// Of the greatest value: one step of the dtype there, where float32 sums in another order round to another side.
double rounding(at::ScalarType dtype) { return dtype == at::kFloat ? 1e-5 : dtype == at::kHalf ? 1e-3 : 8e-3; }

void compare_tokens(Report &r, const std::string &name, const kernels::Tokens &got, const kernels::Tokens &want, at::ScalarType op, bool normed)
{
  r.compare(name + ": whole", got.whole, want.whole, normed ? rounding(at::kFloat) : 0);
  r.compare(name + ": narrow", got.narrow, want.narrow, normed ? rounding(op) : 0);
  if (want.posed.defined())
    r.compare(name + ": posed", got.posed, want.posed, normed ? rounding(op) : 0);
  if (got.posed.defined() != want.posed.defined())
    r.failed++;
}

} // namespace

void check_tokens(Report &r)
{
  const int64_t c = 256;
  const Tensor weight = on_gpu({c}, at::kFloat), bias = on_gpu({c}, at::kFloat);
  for (at::ScalarType op : dtypes)
    for (int64_t n : {1, 8, 9, 4096})
      for (int64_t b : {1, 3}) {
        const std::string name = std::to_string(b) + " x " + std::to_string(n) + " tokens, " + c10::toString(op);
        const Tensor whole = on_gpu({b, n, c}, at::kFloat) * 3.0 + 1.0, more = on_gpu({b, n, c}, op), row = on_gpu({1, 1, c}, at::kFloat);
        const Tensor pe = on_gpu({1, n, c}, op), own_pe = on_gpu({b, n, c}, at::kFloat);
        const auto both = [&](const char *what, const Tensor &a, const Tensor &add, const Tensor &at_place, bool norm) {
          const Tensor w = norm ? weight : Tensor(), o = norm ? bias : Tensor();
          compare_tokens(r, name + ", " + what, kernels::tokens(a, add, at_place, w, o, 1e-5, op), kernels::plain::tokens(a, add, at_place, w, o, 1e-5, op), op, norm);
        };
        both("norm", more, {}, own_pe, true);
        both("norm of sum", whole, more, {}, true);
        both("norm of sum, position", more, whole, pe, true);
        both("sum with a row, position", whole, row, pe, false);
      }
  for (int64_t n : {8, 4096}) {
    const Tensor whole = on_gpu({1, n, c}, at::kFloat), more = on_gpu({1, n, c}, at::kBFloat16), pe = on_gpu({1, n, c}, at::kBFloat16);
    r.time("tokens " + shape_of(whole), [&] { kernels::tokens(whole, more, pe, weight, bias, 1e-5, at::kBFloat16); },
           [&] { kernels::plain::tokens(whole, more, pe, weight, bias, 1e-5, at::kBFloat16); });
  }
}

void check_pick(Report &r)
{
  for (at::ScalarType dtype : dtypes)
    for (int64_t b : {1, 2, 16})
      for (bool in_cells : {false, true})
        for (int64_t side : {1, 3, 64}) {
          const Tensor masks = in_cells ? on_gpu({b, 4, side, side + 1, 2, 2, 2, 2}, dtype) : on_gpu({b, 4, 4 * side, 4 * side + 3}, dtype);
          Tensor ious = on_gpu({b, 4}, dtype).sigmoid();
          const Tensor scores = on_gpu({b, 32}, dtype).narrow(1, 0, 1), vectors = on_gpu({b, 9, 256}, dtype).slice(1, 2, 6); // parts of larger ones
          if (side == 3) { // equals, and no number
            ious[0].fill_(0.5);
            ious[b - 1][3].fill_(NAN);
          }
          const kernels::Picked got = kernels::pick(masks, in_cells, ious, scores, vectors, -1024), want = kernels::plain::pick(masks, in_cells, ious, scores, vectors, -1024);
          const std::string name = "pick " + shape_of(masks);
          r.compare(name, got.low, want.low, 0);
          r.compare(name + ": IoU", got.iou, want.iou, 0);
          r.compare(name + ": token", got.vector, want.vector, 0);
        }
  const Tensor masks = on_gpu({1, 4, 64, 64, 2, 2, 2, 2}, at::kBFloat16), ious = on_gpu({1, 4}, at::kBFloat16), scores = on_gpu({1, 1}, at::kBFloat16),
               vectors = on_gpu({1, 4, 256}, at::kBFloat16);
  r.time("pick " + shape_of(masks), [&] { kernels::pick(masks, true, ious, scores, vectors, -1024); },
         [&] { kernels::plain::pick(masks, true, ious, scores, vectors, -1024); });
}

void check_fused_product(Report &r)
{
  namespace product = vb::fused_product;
  at::globalContext().setAllowTF32CuBLAS(false);
  const auto in_float = [](const Tensor &t) { return t.defined() ? t.to(at::kFloat) : t; };
  const struct {
    int64_t rows, in, out;
  } shapes[] = {{65536, 96, 48}, {16384, 192, 96}, {4096, 384, 192}, {1024, 768, 384}, {8, 256, 256}, {5, 24, 8}};
  for (at::ScalarType dtype : dtypes)
    for (const auto &s : shapes)
      for (bool relu : {false, true}) {
        const Tensor x = on_gpu({1, s.rows, s.in}, dtype), weight = on_gpu({s.out, s.in}, dtype) / std::sqrt((double)s.in), bias = on_gpu({s.out}, dtype);
        const Tensor residual = relu ? Tensor() : on_gpu({1, s.rows, s.out}, dtype);
        const vb::Act act = relu ? vb::Act::relu : vb::Act::none;
        const std::string name = std::string(relu ? "product, relu " : "product + residual ") + shape_of(x) + " to " + std::to_string(s.out);
        r.compare(name, product::linear(x, weight, bias, act, residual), product::plain(in_float(x), in_float(weight), in_float(bias), act, in_float(residual)).to(dtype),
                  rounding(dtype));
        if (dtype == at::kBFloat16)
          r.time(name, [&] { product::linear(x, weight, bias, act, residual); }, [&] { product::plain(x, weight, bias, act, residual); });
      }
  for (at::ScalarType dtype : halves) // the decoder's heads
    for (int64_t b : {1, 3, 16})
      for (int64_t out : {256, 32}) {
        const Tensor x = on_gpu({b, 8, 256}, dtype).slice(1, 0, 6).transpose(0, 1), weight = on_gpu({6, out, 256}, dtype) / 16.0, bias = on_gpu({6, out}, dtype);
        const vb::Act act = out == 256 ? vb::Act::relu : vb::Act::none;
        const std::string name = "products " + shape_of(x) + " to " + std::to_string(out);
        r.compare(name, product::linear(x, weight, bias, act, {}), product::plain(in_float(x), in_float(weight), in_float(bias), act, {}).to(dtype), rounding(dtype));
        r.time(name, [&] { product::linear(x, weight, bias, act, {}); }, [&] { product::plain(x, weight, bias, act, {}); });
      }
}
