/* Which model a state dict belongs to, by a few telling keys; see checkpoint.h. */
#include "checkpoint_impl.h"
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* Blocks of Hiera: one more than the highest N of image_encoder.trunk.blocks.N.norm1.weight. */
static int count_blocks(const vb_checkpoint *c)
{
    static const char prefix[] = "image_encoder.trunk.blocks.";
    int blocks = 0;

    for (size_t i = 0; i < c->n; i++) {
        const char *key = c->tensors[i].key;
        char *end;
        long n;

        if (strncmp(key, prefix, sizeof prefix - 1) != 0)
            continue;
        n = strtol(key + sizeof prefix - 1, &end, 10);
        if (!strcmp(end, ".norm1.weight") && n >= blocks && n < 1000)
            blocks = (int)n + 1;
    }
    return blocks;
}

const char *vb_checkpoint_kind(const vb_checkpoint *c)
{
    const vb_tensor *pos = vb_checkpoint_find(c, "image_encoder.trunk.pos_embed"); /* [1, dim, h, w] */
    vb_family family;
    int blocks;

    if (vb_checkpoint_find(c, "spatial_perceiver.latents") &&
        vb_checkpoint_find(c, "image_encoder.trunk.body.stem.conv1.c.weight"))
        return "edgetam";
    if (!pos || pos->ndim != 4)
        return NULL;
    /* 2.1 brought this key; 2.0 and EdgeTAM lack it. */
    family = vb_checkpoint_find(c, "no_obj_embed_spatial") ? VB_FAMILY_SAM21 : VB_FAMILY_SAM2;
    blocks = count_blocks(c);
    for (size_t i = 0; i < vb_model_count; i++)
        if (vb_models[i].family == family && vb_models[i].trunk_dim == pos->shape[1] && vb_models[i].trunk_blocks == blocks)
            return vb_models[i].name;
    return NULL;
}
