/* Registry of model implementations; see model.h. */
#include "model.h"

#include <string.h>

extern const vb_model_ops vb_stub_ops;
#ifdef VB_HAVE_TORCH
extern const vb_model_ops vb_edgetam_ops;
#endif

const vb_model_ops *vb_model_find(const char *model)
{
    static const vb_model_ops *const all[] = {
        &vb_stub_ops,
#ifdef VB_HAVE_TORCH
        &vb_edgetam_ops,
#endif
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i]->name, model))
            return all[i];
    return NULL;
}

#ifndef VB_HAVE_TORCH
void vb_backend_describe(vb_backend_info *out, vb_device device)
{
    (void)device;
    memset(out, 0, sizeof *out);
}
#endif
