/* Parts of the seeded weights that tests look at; the door is vb_seed_weights in checkpoint.h. */
#ifndef VB_SEED_WEIGHTS_H
#define VB_SEED_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The state that a key's SplitMix64 stream starts from. */
uint64_t vb_seed_base(const char *key, uint64_t seed);
/* Output number i of the stream, i from 0. */
uint64_t vb_seed_bits(uint64_t base, uint64_t i);
/* Whether key fits pattern; '*' matches any characters, none included. */
bool vb_seed_match(const char *pattern, const char *key);

#ifdef __cplusplus
}
#endif
#endif
