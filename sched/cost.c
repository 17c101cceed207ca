/* Cost model; see cost.h. */
#include "cost.h"

#include "models.h"

#define STUB_GFLOP 0.5    /* decoding and scoring are all that the stub's frames take */
#define OBJECT_SHARE 0.35 /* of a frame's work is repeated for each object: all but the image encoder */

double vb_cost_trial(const vb_variant *v, int n_frames, int n_objects)
{
    /* Halves run on faster units where there are any; how much faster is corrected by what was measured. */
    static const double dtype_share[VB_DTYPE_COUNT] = {
        [VB_FLOAT32] = 1, [VB_TF32] = 0.6, [VB_FLOAT16] = 0.5, [VB_BFLOAT16] = 0.5};
    const vb_model_info *m = vb_model_info_find(v->setup.model);
    double gflop = m && m->gflop_1024 > 0 ? m->gflop_1024 : STUB_GFLOP;
    double side = v->setup.image_size / 1024.0;

    if (n_frames < 1)
        n_frames = 1;
    if (n_objects < 1)
        n_objects = 1;
    return gflop / 1000 * side * side * n_frames * (1 + OBJECT_SHARE * (n_objects - 1)) * dtype_share[v->dtype];
}
