/* Registry of model implementations; see model.h. */
#include "model.h"

#include "models.h"

#include <string.h>

extern const vb_model_ops vb_stub_ops;
#ifdef VB_HAVE_TORCH
extern const vb_model_ops vb_torch_ops;
#endif

const vb_model_ops *vb_model_find(const char *model)
{
    const vb_model_info *info = vb_model_info_find(model);

    if (!info)
        return NULL;
    if (info->family == VB_FAMILY_STUB)
        return &vb_stub_ops;
#ifdef VB_HAVE_TORCH
    return &vb_torch_ops;
#else
    return NULL;
#endif
}

#ifndef VB_HAVE_TORCH
void vb_backend_describe(vb_backend_info *out, vb_device device)
{
    (void)device;
    memset(out, 0, sizeof *out);
}

int64_t vb_backend_free_bytes(vb_device device)
{
    (void)device;
    return -1;
}

int64_t vb_backend_held_bytes(vb_device device)
{
    (void)device;
    return -1;
}

const char *vb_backend_hole_filling(vb_device device, vb_err *why)
{
    (void)device;
    vb_fail(why, VB_EARG, "this build has no libtorch");
    return "cpu";
}
#endif
