/* Seeded weights: one rule per line, the first pattern that matches the official key wins. '*' matches any
 * characters, dots included; there is no other wildcard. The kinds are defined in seed_weights.c.
 * Changing a row changes the weights that every golden file was made with. */
#ifndef VB_WEIGHTS_RULES_H
#define VB_WEIGHTS_RULES_H

typedef enum { RULE_CONST, RULE_UNIF, RULE_ABSU, RULE_FAN, RULE_FANC, RULE_FANT } weight_rule_kind;

typedef struct {
    const char *pattern;
    weight_rule_kind kind;
    double c0, gain;
} weight_rule;

static const weight_rule weight_rules[] = {
    {"*.num_batches_tracked", RULE_CONST, 0, 0},
    {"*.running_mean", RULE_UNIF, 0, 0.05},
    {"*.running_var", RULE_ABSU, 1, 0.2},
    {"*.gamma", RULE_UNIF, 0.5, 0.1},
    {"maskmem_tpos_enc", RULE_UNIF, 0, 1.0},
    {"no_mem_embed", RULE_UNIF, 0, 0.5},
    {"no_mem_pos_enc", RULE_UNIF, 0, 0.5},
    {"no_obj_ptr", RULE_UNIF, 0, 1.0},
    {"no_obj_embed_spatial", RULE_UNIF, 0, 1.0},
    {"*.pos_embed", RULE_UNIF, 0, 0.5},
    {"*.pos_embed_window", RULE_UNIF, 0, 0.5},
    {"*.positional_encoding_gaussian_matrix", RULE_UNIF, 0, 1.25},
    {"*.latents", RULE_UNIF, 0, 1.7},
    {"*.latents_2d", RULE_UNIF, 0, 1.7},
    {"sam_prompt_encoder.no_mask_embed.weight", RULE_UNIF, 0, 0.5},
    {"sam_prompt_encoder.point_embeddings.*.weight", RULE_UNIF, 0, 1.7},
    {"sam_prompt_encoder.not_a_point_embed.weight", RULE_UNIF, 0, 1.7},
    {"sam_mask_decoder.*_token.weight", RULE_UNIF, 0, 1.7},
    {"sam_mask_decoder.mask_tokens.weight", RULE_UNIF, 0, 1.7},
    {"sam_mask_decoder.pred_obj_score_head.layers.2.bias", RULE_UNIF, 1.5, 0},
    {"sam_mask_decoder.pred_obj_score_head.layers.2.weight", RULE_FAN, 0, 1.0},
    {"sam_mask_decoder.iou_prediction_head.layers.2.weight", RULE_FAN, 0, 1.5},
    {"mask_downsample.bias", RULE_UNIF, -8, 0},
    {"mask_downsample.weight", RULE_UNIF, 1, 0.1},
    {"sam_mask_decoder.output_upscaling.3.bias", RULE_UNIF, -0.7, 0.02},
    {"sam_mask_decoder.output_upscaling.0.weight", RULE_FANT, 0, 1.0},
    {"sam_mask_decoder.output_upscaling.3.weight", RULE_FANT, 0, 1.5},
    {"sam_mask_decoder.output_hypernetworks_mlps.*.weight", RULE_FAN, 0, 1.5},
    {"sam_mask_decoder.conv_s0.weight", RULE_FAN, 0, 0.6},
    {"sam_mask_decoder.conv_s1.weight", RULE_FAN, 0, 1.5},
    {"obj_ptr_proj.*.weight", RULE_FAN, 0, 1.3},
    {"obj_ptr_tpos_proj.weight", RULE_FAN, 0, 1.5},
    {"memory_attention.*.cross_attn_image.q_proj.weight", RULE_FAN, 0, 1.7},
    {"memory_attention.*.cross_attn_image.k_proj.weight", RULE_FAN, 0, 1.7},
    {"memory_attention.*.cross_attn_image.out_proj.weight", RULE_FAN, 0, 1.5},
    {"image_encoder.neck.convs.*.conv.weight", RULE_FAN, 0, 0.4},
    {"memory_encoder.mask_downsampler.encoder.12.weight", RULE_FAN, 0, 2.0},
    {"memory_encoder.mask_downsampler.*.weight", RULE_FANC, 0, 0.5},
    {"memory_encoder.out_proj.weight", RULE_FAN, 0, 0.45},
    {"memory_encoder.pix_feat_proj.weight", RULE_FAN, 0, 0.7},
    {"*.attn.qkv.weight", RULE_FAN, 0, 1.4},
    {"*.q_proj.weight", RULE_FAN, 0, 1.5},
    {"*.k_proj.weight", RULE_FAN, 0, 1.5},
    {"*.to_q.weight", RULE_FAN, 0, 2.0},
    {"*.to_kv.weight", RULE_FAN, 0, 1.5},
    {"*.norm.weight", RULE_UNIF, 1, 0.1},
    {"*.se.fc2.bias", RULE_UNIF, 1.5, 0.5},
    {"*.bias", RULE_UNIF, 0, 0.02},
    {"*.body.stem.*.c.weight", RULE_FAN, 0, 2.5},
    {"*.token_mixer.*.c.weight", RULE_FAN, 0, 0.2},
    {"*.channel_mixer.conv2.c.weight", RULE_FAN, 0, 0.4},
    {"*.body.*.c.weight", RULE_FAN, 0, 1.2},
    {"*.weight", RULE_FAN, 0, 1.0},
};

#endif
