/* Plan, cost and block JSON. The dataset is a fake: a video's scan fails when its name begins with "bad". */
#include "test.h"

#include "cost.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

vb_status vb_video_scan(vb_video **out, const vb_dataset *d, const char *name, vb_err *err)
{
    vb_video *v;

    (void)d;
    *out = NULL;
    if (!strncmp(name, "bad", 3))
        return vb_fail(err, VB_EFORMAT, "video '%s': frame 3 is missing", name);
    v = calloc(1, sizeof *v);
    assert_non_null(v);
    strcpy(v->name, name);
    v->n_frames = name[0] == 'l' ? 100 : 10;
    v->n_masklets = 2;
    *out = v;
    return VB_OK;
}

void vb_video_free(vb_video *v)
{
    free(v);
}

static vb_options options(void)
{
    vb_options o = {.n_setups = 2,
                    .n_dtypes = 3,
                    .dtypes = {VB_FLOAT32, VB_BFLOAT16, VB_FLOAT16},
                    .n_banks = 2,
                    .banks = {VB_BANK_BFLOAT16, VB_BANK_FLOAT32},
                    .n_modes = 1,
                    .modes = {VB_STREAM},
                    .repeats = 2,
                    .seed = 7};

    o.setups[0] = (vb_setup){"edgetam", VB_PROMPT_POINT, 512};
    o.setups[1] = (vb_setup){"stub", VB_PROMPT_BOX, 1024};
    return o;
}

static int find(const vb_block *b, const vb_trial_key *k)
{
    for (int i = 0; i < b->n_trials; i++)
        if (vb_trial_key_equal(&b->trials[i], k))
            return i;
    return -1;
}

/* Every combination once, the same order for the same seed, another for another seed or video. */
static void test_block_order(void **state)
{
    vb_options o = options();
    vb_block a, b, c, d;
    int same_c = 0, same_d = 0;
    char order[64] = "";

    (void)state;
    assert_int_equal(vb_block_make(&a, &o, "video_1", &o.setups[0], NULL), VB_OK);
    assert_int_equal(vb_block_make(&b, &o, "video_1", &o.setups[0], NULL), VB_OK);
    assert_int_equal(vb_block_make(&d, &o, "video_2", &o.setups[0], NULL), VB_OK);
    o.seed = 8;
    assert_int_equal(vb_block_make(&c, &o, "video_1", &o.setups[0], NULL), VB_OK);
    assert_int_equal(a.n_trials, 12);
    for (int i = 0; i < 12; i++) {
        const vb_trial_key *k = &a.trials[i];

        snprintf(order + strlen(order), sizeof order - strlen(order), "%d%d%d ", (int)k->variant.dtype, (int)k->variant.bank, k->repetition);
        assert_true(vb_trial_key_equal(&a.trials[i], &b.trials[i]));
        assert_int_equal(find(&a, &a.trials[i]), i);
        assert_true(find(&c, &a.trials[i]) >= 0);
        same_c += vb_trial_key_equal(&a.trials[i], &c.trials[i]);
        same_d += a.trials[i].variant.dtype == d.trials[i].variant.dtype &&
                  a.trials[i].variant.bank == d.trials[i].variant.bank &&
                  a.trials[i].repetition == d.trials[i].repetition;
    }
    assert_true(same_c < 12);
    assert_true(same_d < 12);
    assert_string_equal(order, "200 300 001 310 000 301 311 210 201 010 011 211 "); /* of every version: the order is part of what was measured */
    vb_block_deinit(&a);
    vb_block_deinit(&b);
    vb_block_deinit(&c);
    vb_block_deinit(&d);
}

static void test_plan(void **state)
{
    vb_options o = options();
    char names[][VB_NAME_MAX] = {"short", "bad_one", "long"};
    vb_dataset d = {.n_videos = 3, .names = names};
    vb_plan *p;

    (void)state;
    assert_int_equal(vb_plan_make(&p, &o, &d, NULL), VB_OK);
    assert_int_equal(p->n_blocks, 4);
    assert_int_equal(p->n_trials, 48);
    assert_int_equal(p->n_videos, 2);
    assert_int_equal(p->n_bad, 1);
    assert_string_equal(p->bad[0].video, "bad_one");
    assert_non_null(strstr(p->bad[0].reason, "frame 3"));
    for (int i = 0; i < p->n_blocks; i++)
        assert_int_equal(p->blocks[i].id, i);
    assert_string_equal(p->blocks[2].video, "long");
    assert_true(p->blocks[2].cost > 9 * p->blocks[0].cost);
    vb_plan_free(p);
}

static void test_too_many(void **state)
{
    vb_options o = options();
    vb_block b;
    vb_err err;

    (void)state;
    o.repeats = VB_BLOCK_MAX_TRIALS;
    assert_int_equal(vb_block_make(&b, &o, "v", &o.setups[0], &err), VB_EARG);
    assert_non_null(strstr(err.msg, "--repeats"));
}

static void test_cost(void **state)
{
    vb_variant v = {{"edgetam", VB_PROMPT_POINT, 1024}, VB_FLOAT32, VB_BANK_BFLOAT16, VB_STREAM}, w = v;
    double base = vb_cost_trial(&v, 10, 1);

    (void)state;
    assert_true(base > 0);
    assert_true(vb_cost_trial(&v, 20, 1) > base);
    assert_true(vb_cost_trial(&v, 10, 3) > base);
    w.dtype = VB_BFLOAT16;
    assert_true(vb_cost_trial(&w, 10, 1) < base);
    w = v;
    w.setup.image_size = 512;
    assert_true(vb_cost_trial(&w, 10, 1) < base);
    strcpy(w.setup.model, "stub");
    assert_true(vb_cost_trial(&w, 0, 0) > 0);
}

static void test_json(void **state)
{
    vb_options o = options();
    vb_block a, b;
    char *text;

    (void)state;
    assert_int_equal(vb_block_make(&a, &o, "video_1", &o.setups[0], NULL), VB_OK);
    a.id = 5;
    a.cost = 12.25;
    assert_int_equal(vb_block_to_json(&text, &a, NULL), VB_OK);
    assert_int_equal(vb_block_from_json(&b, text, strlen(text), NULL), VB_OK);
    assert_int_equal(b.id, 5);
    assert_string_equal(b.video, "video_1");
    assert_true(vb_setup_equal(&a.setup, &b.setup));
    assert_true(b.cost == 12.25);
    assert_int_equal(b.n_trials, a.n_trials);
    for (int i = 0; i < a.n_trials; i++)
        assert_true(vb_trial_key_equal(&a.trials[i], &b.trials[i]));
    /* cut anywhere, it is refused */
    for (size_t n = 0; n < strlen(text); n++) {
        vb_block c;

        assert_int_equal(vb_block_from_json(&c, text, n, NULL), VB_EFORMAT);
        assert_null(c.trials);
    }
    free(text);
    vb_block_deinit(&a);
    vb_block_deinit(&b);
}

static void test_json_hostile(void **state)
{
#define HEAD "{\"id\":0,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":1"
    static const char *const bad[] = {
        HEAD "}",
        HEAD ",\"trials\":[]}",
        HEAD ",\"trials\":{}}",
        HEAD ",\"trials\":[1]}",
        HEAD ",\"trials\":[[\"float32\",\"float32\",\"stream\"]]}",
        HEAD ",\"trials\":[[\"float32\",\"float32\",\"stream\",-1]]}",
        HEAD ",\"trials\":[[\"float32\",\"float32\",\"stream\",99999999]]}",
        HEAD ",\"trials\":[[\"float33\",\"float32\",\"stream\",0]]}",
        HEAD ",\"trials\":[[\"float32\",\"float32\",\"stream\",0]],\"more\":1}",
        HEAD ",\"trials\":[[1,\"float32\",\"stream\",0]]}",
        HEAD ",\"trials\":[[\"float32\",null,\"stream\",0]]}",
        HEAD ",\"trials\":[[\"float32\",\"float32\",[],0]]}",
        HEAD ",\"trials\":[[\"float32\",\"float32\",\"stream\",\"0\"]]}",
        HEAD ",\"trials\":[[\"float32\",\"float33\",\"stream\",0]]}",
        HEAD ",\"trials\":[[\"float32\",\"float32\",\"steam\",0]]}",
        "[1,2,3,4,5,6,7]",
        "{\"id\":\"0\",\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":1,\"trials\":[]}",
        "{\"id\":0,\"video\":7,\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":1,\"trials\":[]}",
        "{\"id\":0,\"video\":\"v\\u0000w\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":1,\"trials\":[]}",
        "{\"id\":0,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"a prompt that no field has room for\",\"image_size\":512,\"cost\":1,\"trials\":[]}",
        "{\"id\":0,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":99999999,\"cost\":1,\"trials\":[]}",
        "{\"id\":0,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":\"1\",\"trials\":[]}",
        "{\"id\":0,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":1e300,\"trials\":[]}",
        "{\"id\":-1,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":1,"
        "\"trials\":[[\"float32\",\"float32\",\"stream\",0]]}",
        "{\"id\":0,\"video\":\"../v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":1,"
        "\"trials\":[[\"float32\",\"float32\",\"stream\",0]]}",
        "{\"id\":0,\"video\":\"v\",\"model\":\"a/b\",\"prompt\":\"box\",\"image_size\":512,\"cost\":1,"
        "\"trials\":[[\"float32\",\"float32\",\"stream\",0]]}",
        "{\"id\":0,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"word\",\"image_size\":512,\"cost\":1,"
        "\"trials\":[[\"float32\",\"float32\",\"stream\",0]]}",
        "{\"id\":0,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":0,\"cost\":1,"
        "\"trials\":[[\"float32\",\"float32\",\"stream\",0]]}",
        "{\"id\":0,\"video\":\"v\",\"model\":\"stub\",\"prompt\":\"box\",\"image_size\":512,\"cost\":-1,"
        "\"trials\":[[\"float32\",\"float32\",\"stream\",0]]}",
    };
    static char many[VB_BLOCK_MAX_TRIALS * 2 + 200]; /* a trial more than a block has */
    const char *good = HEAD ",\"trials\":[[\"float32\",\"float32\",\"stream\",0]]}";
    vb_block b;

    (void)state;
    assert_int_equal(vb_block_from_json(&b, good, strlen(good), NULL), VB_OK);
    vb_block_deinit(&b);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vb_err err = {0};

        if (vb_block_from_json(&b, bad[i], strlen(bad[i]), &err) == VB_OK)
            fail_msg("taken: %s", bad[i]);
        assert_true(err.msg[0]);
        assert_null(b.trials);
    }
    strcpy(many, HEAD ",\"trials\":[0");
    for (size_t i = 0, n = strlen(many); i < VB_BLOCK_MAX_TRIALS; i++, n += 2)
        memcpy(many + n, ",0", 3);
    strcat(many, "]}");
    assert_int_equal(vb_block_from_json(&b, many, strlen(many), NULL), VB_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_order), cmocka_unit_test(test_plan), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_cost),        cmocka_unit_test(test_json), cmocka_unit_test(test_json_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
