// The models behind the C table of model.h: life cycle, precision, and the guard around every call.
#include "frame_memory.hpp"
#include "tracker.hpp"

#include "models.h"

#include <cstdlib>
#include <cstring>

#ifdef VB_HAVE_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#endif

// C sees the type by this name alone.
struct vb_model {
  const vb::Variant &variant;
  vb::Weights weights;
  int image_size;
  vb::Context context;
  vb_bank bank = VB_BANK_BFLOAT16;
  vb_require_flash require_flash = VB_FLASH_ANY;
  bool configured = false;
  int64_t weights_bytes = 0, late_allocs = 0; // the latter before the peaks were reset
  std::string deviations;
  std::unique_ptr<vb::Network> network; // of context.precision
  std::unique_ptr<vb::Stages> stages;   // of the network and all that configure sets
  std::unique_ptr<vb::Tracker> tracker; // between begin and end

  vb::Lane lane; // where all runs but what Encoder and Stages put elsewhere
  vb::FrameMemory frames;

  vb_model(const vb_model_config &config, at::Device device)
      : variant(vb::find_variant(config.model)), weights(config), image_size(config.image_size), lane(device, vb::Lane::track), frames(device)
  {
    context.precision.device = device;
  }
};

namespace vb {

namespace {

at::Device resolve(const vb_device &d)
{
  if (d.kind == VB_DEVICE_CPU)
    return at::kCPU;
#ifdef VB_HAVE_CUDA
  const int n = c10::cuda::device_count();
  if (d.index < 0 || d.index >= n)
    fail(VB_EARG, "CUDA device %d: this process sees %d; is the driver loaded, is CUDA_VISIBLE_DEVICES set?", d.index, n);
  return at::Device(at::kCUDA, (c10::DeviceIndex)d.index);
#else
  fail(VB_EARG, "CUDA device %d: this build's libtorch %s is without CUDA; build with a CUDA wheel of torch, or use the CPU", d.index, TORCH_VERSION);
#endif
}

void build(vb_model *m)
{
  m->stages.reset();
  m->network.reset(); // first, so that two never share the device
  PrecisionScope scope(m->context.precision);
  Loader loader(m->weights, m->context.precision);
  auto network = std::make_unique<Network>();
  network->load(loader, m->variant, m->image_size);
  m->weights_bytes = m->weights.finish(m->variant.name);
  m->network = std::move(network);
}

vb_status session_open(vb_model **out, const vb_model_config *config, vb_err *err)
{
  *out = nullptr;
  return guard(err, [&] {
    const vb_model_info *info = vb_model_info_find(config->model);
    if (!info)
      fail(VB_EARG, "model '%s': no such model", config->model);
    vb_err why;
    check(vb_model_check_size(info, config->image_size, &why), why);
    if (config->threads > 0)
      at::set_num_threads(config->threads);
    const at::Device device = resolve(config->device);
    auto m = std::make_unique<vb_model>(*config, device);
    Lane::Scope on(m->lane);
    m->context.graphs = !config->eager;
    m->context.attention.measures = !config->eager && !config->repeatable;
    kernels::want(!config->eager);
    m->context.holes_on_device = !config->holes_on_cpu && !strcmp(vb_backend_hole_filling(config->device, nullptr), "cuda");
    build(m.get()); // float32: tells at once whether the checkpoint fits
    *out = m.release();
  });
}

vb_status session_configure(vb_model *m, const vb_precision *p, vb_err *err)
{
  return guard(err, [&] {
    Precision next = m->context.precision;
    next.dtype = p->dtype;
    Lane::Scope on(m->lane);
    m->configured = false;
    m->tracker.reset();
    apply_precision(next);
    const bool rebuild = next.op() != m->context.precision.op() || !m->network;
    const bool same = next.dtype == m->context.precision.dtype && p->bank == m->bank && p->require_flash == m->require_flash;
    m->context.precision = next;
    if (rebuild)
      build(m);
    m->context.attention.configure(next, p->require_flash);
    m->bank = p->bank;
    m->require_flash = p->require_flash;
    if (!same || !m->stages)
      m->stages = std::make_unique<Stages>(*m->network, m->context);
    m->deviations.clear();
    m->deviations = m->network->trunk->deviations(next);
    if (p->dtype == VB_FLOAT16 && p->bank == VB_BANK_BFLOAT16 && next.device.is_cpu())
      m->deviations += std::string(m->deviations.empty() ? "" : "; ") +
                       "memories: concatenated in float32, where upstream's float16 autocast stops at a bfloat16 bank";
    m->configured = true;
  });
}

vb_status session_begin(vb_model *m, const vb_clip *clip, vb_err *err)
{
  return guard(err, [&] {
    if (!m->configured)
      fail(VB_EARG, "begin: the model has no precision yet; configure it first");
    if (clip->n_frames <= 0 || clip->h <= 0 || clip->w <= 0 || clip->n_objects <= 0)
      fail(VB_EARG, "begin: a clip of %d frames, %d x %d pixels, %d objects; each must be at least 1", clip->n_frames, clip->w, clip->h, clip->n_objects);
    for (int i = 0; i < clip->n_objects; i++) {
      const vb_track_object &o = clip->objects[i];
      if (o.start_frame < 0 || o.start_frame > o.prompt_frame || o.prompt_frame >= clip->n_frames)
        fail(VB_EARG, "begin: object %d starts on frame %d with its prompt on frame %d of %d", i, o.start_frame, o.prompt_frame, clip->n_frames);
      const vb_prompt &p = *o.prompt;
      if (p.has_mask ? p.mask.h != clip->h || p.mask.w != clip->w : !p.has_box && p.n_points <= 0)
        fail(VB_ESHAPE, "begin: object %d: %s", i, p.has_mask ? "its mask prompt is not of the video's size" : "its prompt is empty");
    }
    Lane::Scope on(m->lane);
    PrecisionScope scope(m->context.precision);
    m->context.probe.to = clip->probe;
    m->tracker = std::make_unique<Tracker>(*m->network, m->context, *m->stages, *clip, m->bank);
  });
}

vb_status session_prompt(vb_model *m, int object, const vb_frame *frame, vb_mask *shown, vb_err *err)
{
  return guard(err, [&] {
    if (!m->tracker)
      fail(VB_EARG, "prompt: no clip has begun");
    Lane::Scope on(m->lane);
    PrecisionScope scope(m->context.precision);
    m->tracker->prompt(object, *frame, shown);
  });
}

vb_status session_step(vb_model *m, const vb_frame *frame, vb_step *out, vb_err *err)
{
  return guard(err, [&] {
    if (!m->tracker)
      fail(VB_EARG, "step: no clip has begun");
    Lane::Scope on(m->lane);
    PrecisionScope scope(m->context.precision);
    m->tracker->step(*frame, out);
  });
}

vb_status session_ahead(vb_model *m, const vb_frame *frames, int n, vb_err *err)
{
  return guard(err, [&] {
    if (!m->tracker)
      fail(VB_EARG, "ahead: no clip has begun");
    Lane::Scope on(m->lane);
    PrecisionScope scope(m->context.precision);
    m->tracker->ahead(frames, n);
  });
}

void session_end(vb_model *m)
{
  vb_err lost; // the device: the next call says so
  if (m->tracker)
    (void)guard(&lost, [&] {
      Lane::Scope on(m->lane);
      m->tracker->finish();
    });
  m->tracker.reset();
  m->context.probe.to = nullptr;
}

#ifdef VB_HAVE_CUDA
// What CUDA graphs keep for their intermediate results: nothing is given out while they are replayed.
int64_t held_by_graphs(c10::DeviceIndex device)
{
  int64_t bytes = 0;
  for (const auto &s : c10::cuda::CUDACachingAllocator::snapshot().segments)
    if (s.device == device && (s.owner_private_pool_id.first || s.owner_private_pool_id.second))
      bytes += (int64_t)(s.total_size - s.allocated_size);
  return bytes;
}
#endif

vb_status session_memory(vb_model *m, vb_model_memory *out, bool reset_peaks, vb_err *err)
{
  return guard(err, [&] {
    *out = {};
    out->weights_bytes = m->weights_bytes;
    (void)reset_peaks;
#ifdef VB_HAVE_CUDA
    const at::Device device = m->context.precision.device;
    if (device.is_cuda()) {
      namespace alloc = c10::cuda::CUDACachingAllocator;
      if (reset_peaks) {
        alloc::emptyCache();
        alloc::resetPeakStats(device.index());
      }
      const auto stats = alloc::getDeviceStats(device.index());
      if (reset_peaks)
        m->late_allocs = stats.num_alloc_retries;
      out->late_allocs = stats.num_alloc_retries - m->late_allocs;
      out->peak_alloc_bytes = stats.allocated_bytes[0].peak + held_by_graphs(device.index());
    }
#endif
  });
}

size_t session_attention(vb_model *m, vb_attention_site *out, size_t cap) { return m->context.attention.records(out, cap); }

const char *session_deviations(const vb_model *m) { return m->deviations.c_str(); }

void session_close(vb_model *m)
{
  if (!m)
    return;
  const Lane lane(m->context.precision.device, Lane::track); // the model's goes before what was allocated in it
  Lane::Scope on(lane);
  delete m;
}

void *session_frame_alloc(vb_model *m, size_t bytes) { return m->frames.take(bytes); }

void session_frame_free(vb_model *m, void *p, size_t bytes) { m->frames.give(p, bytes); }

} // namespace
} // namespace vb

extern "C" const vb_model_ops vb_torch_ops = {
    vb::session_open,
    vb::session_configure,
    vb::session_begin,
    vb::session_prompt,
    vb::session_step,
    vb::session_end,
    vb::session_memory,
    vb::session_attention,
    vb::session_close,
    vb::session_deviations,
    vb::session_ahead,
    vb::session_frame_alloc,
    vb::session_frame_free,
};
