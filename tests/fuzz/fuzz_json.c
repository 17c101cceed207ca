/* Fuzz target: JSON that others wrote: a block, the control payloads, the record of an earlier run's options.
 * Input: a byte that chooses, then the text. What is taken must be written and taken again with the same meaning. */
#include "fuzz.h"

#include "control.h"
#include "options.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

static void block(const char *text, size_t n)
{
    vb_block b, again;
    vb_err err = {.msg = ""};
    char *written;

    if (!fuzz_took(vb_block_from_json(&b, text, n, &err), &err))
        return;
    fuzz_hold(vb_block_to_json(&written, &b, &err) == VB_OK, "a block is written");
    fuzz_hold(vb_block_from_json(&again, written, strlen(written), &err) == VB_OK, "and taken again");
    fuzz_hold(again.n_trials == b.n_trials, "with its trials");
    for (int i = 0; i < b.n_trials; i++)
        fuzz_hold(vb_trial_key_equal(&b.trials[i], &again.trials[i]), "each the same");
    free(written);
    vb_block_deinit(&b);
    vb_block_deinit(&again);
}

#define CONTROL(name)                                                                                                   \
    static void name(const char *text, size_t n)                                                                        \
    {                                                                                                                   \
        vb_##name m;                                                                                                    \
        vb_err err = {.msg = ""};                                                                                       \
        char *written = NULL, *twice = NULL;                                                                                          \
                                                                                                                        \
        if (!fuzz_took(vb_##name##_from_json(&m, text, n, &err), &err))                                                 \
            return;                                                                                                     \
        fuzz_hold(vb_##name##_to_json(&written, &m, &err) == VB_OK &&                                                   \
                      vb_##name##_from_json(&m, written, strlen(written), &err) == VB_OK &&                             \
                      vb_##name##_to_json(&twice, &m, &err) == VB_OK,                                                   \
                  #name " is written and taken again");                                                                 \
        fuzz_hold(strcmp(written, twice) == 0, #name " keeps its meaning");                                             \
        free(written);                                                                                                  \
        free(twice);                                                                                                    \
    }
CONTROL(welcome)
CONTROL(hello)
CONTROL(failure)
CONTROL(death)
CONTROL(fault)

static void record(const char *text, size_t n)
{
    char *argv[] = {"run", NULL}, *own = NULL;
    vb_options o;
    vb_err err = {.msg = ""};

    (void)n;
    fuzz_hold(vb_options_parse_loose(&o, NULL, 0, 1, argv, &err) == VB_OK && vb_options_json(&own, &o, &err) == VB_OK, "defaults");
    fuzz_took(vb_options_same_fixed(&o, text, &err), &err);
    fuzz_took(vb_options_same_fixed_records(own, text, &err), &err);
    free(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(const char *, size_t) = {block, welcome, hello, failure, death, fault, record};
    char *text;

    if (!size)
        return 0;
    text = fuzz_text(data + 1, size - 1);
    parsers[data[0] % (sizeof parsers / sizeof *parsers)](text, size - 1);
    free(text);
    return 0;
}
