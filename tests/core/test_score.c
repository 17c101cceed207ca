/* `savbench score` against Meta's evaluator: golden/jf/sets with the figures of sets.json. */
#include "support.h"

#include "image_io.h"
#include "score.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETS VB_TEST_DIR "/golden/jf/sets"

static char scratch[256];

static char *in_scratch(const char *name)
{
    static char path[2][1024];
    static int next;

    next = !next;
    snprintf(path[next], sizeof path[next], "%s/%s", scratch, name);
    return path[next];
}

static char *read_text(const char *path)
{
    size_t n;
    char *text = (char *)read_file(path, &n);

    text[n] = '\0';
    return text;
}

static double golden(const json_t *number) { return strtod(json_string_value(number), NULL) / 100; }

static void check_set(const char *key, const json_t *expected)
{
    const size_t name_len = strcspn(key, ",");
    char gt[512], pred[512], csv[512], *text;
    vb_score_options opt = {.gt_root = gt, .pred_root = pred, .csv_path = csv, .threads = 2};
    vb_score_summary s;
    const json_t *videos = json_object_get(expected, "objects");
    int checked = 0;

    snprintf(gt, sizeof gt, SETS "/%.*s/gt", (int)name_len, key);
    snprintf(pred, sizeof pred, SETS "/%.*s/pred", (int)name_len, key);
    snprintf(csv, sizeof csv, "%s/o.csv", scratch);
    opt.score_ends = key[name_len] != '\0';
    ok(vb_score_folders(&opt, NULL, &s, &ok_err));
    if (json_object_get(expected, "error")) { /* Meta's stops there; ours leaves the object out */
        assert_int_equal(s.n_objects, 2);
        assert_int_equal(s.n_left_out, 1);
        assert_false(s.objects[0].scored);
        assert_true(s.objects[1].scored && fabs(s.jf - 1) < 1e-12);
        text = read_text(csv);
        assert_string_equal(text, "sequence    ,obj,  J&F,    J,    F\n"
                                  "Global score,   , 100.0, 100.0, 100.0\n"
                                  "ends        ,001, 100.0, 100.0, 100.0\n");
        free(text);
        vb_score_summary_deinit(&s);
        return;
    }
    assert_true(fabs(s.j - golden(json_object_get(expected, "J"))) < 1e-10);
    assert_true(fabs(s.f - golden(json_object_get(expected, "F"))) < 1e-10);
    assert_true(fabs(s.jf - golden(json_object_get(expected, "J_and_F"))) < 1e-10);
    for (int i = 0; i < s.n_objects; i++) {
        const vb_object_score *o = &s.objects[i];
        const json_t *video = json_object_get(videos, o->video);
        const json_t *figures = json_object_get(video, o->obj_id);
        char label[16];

        snprintf(label, sizeof label, "%d", atoi(o->obj_id)); /* label values carry no zeros there */
        figures = figures ? figures : json_object_get(video, label);
        assert_true(o->scored && json_array_size(figures) == 2);
        assert_true(fabs(o->j - golden(json_array_get(figures, 0))) < 1e-10);
        assert_true(fabs(o->f - golden(json_array_get(figures, 1))) < 1e-10);
        checked++;
    }
    const char *video;
    json_t *objects;
    json_object_foreach((json_t *)videos, video, objects)
        checked -= (int)json_object_size(objects);
    assert_int_equal(checked, 0);
    text = read_text(csv);
    assert_string_equal(text, json_string_value(json_object_get(expected, "results_csv")));
    free(text);
    vb_score_summary_deinit(&s);
}

static void equal_to_meta(void **state)
{
    json_error_t error;
    json_t *all = json_load_file(VB_TEST_DIR "/golden/jf/sets.json", 0, &error);
    const char *key;
    json_t *value;
    int sets = 0;

    (void)state;
    assert_non_null(all);
    json_object_foreach(all, key, value)
    {
        check_set(key, value);
        sets++;
    }
    assert_int_equal(sets, 10);
    json_decref(all);
}

/* gt and pred with video v, object 000, frames 0, 4, 8, 12 of a block that moves by a pixel. */
static void put_pair(void)
{
    for (int side = 0; side < 2; side++) {
        char path[512];

        make_folder(scratch, side ? "pred/v/000" : "gt/v/000");
        for (int i = 0; i < 4; i++) {
            vb_mask m;

            ok(vb_mask_init(&m, 30, 40, &ok_err));
            for (int y = 5; y < 20; y++)
                m.bits[y] = UINT64_C(0x3FF) << (5 + i + side);
            snprintf(path, sizeof path, "%s/%s/v/000/%05d.png", scratch, side ? "pred" : "gt", 4 * i);
            ok(vb_png_write_mask(path, &m, &ok_err));
            vb_mask_deinit(&m);
        }
    }
}

static vb_status run(const vb_score_options *with, char **log, vb_score_summary *s, vb_err *err)
{
    char gt[512], pred[512];
    vb_score_options opt = *with;
    size_t n;
    FILE *f = open_memstream(log, &n);
    vb_status st;

    snprintf(gt, sizeof gt, "%s/gt", scratch);
    snprintf(pred, sizeof pred, "%s/pred", scratch);
    opt.gt_root = gt;
    opt.pred_root = pred;
    st = vb_score_folders(&opt, f, s, err);
    fclose(f);
    return st;
}

static void fails(vb_status expected, const vb_score_options *opt, const char *word, const char *word2)
{
    char *log;
    vb_score_summary s;
    vb_err err = {0};

    unlink(in_scratch("pred/results.csv"));
    assert_int_equal(run(opt, &log, &s, &err), expected);
    assert_says(&err, word, word2, NULL);
    assert_int_not_equal(access(in_scratch("pred/results.csv"), F_OK), 0);
    free(log);
}

static void results_go_beside_the_predictions(void **state)
{
    char *log, *text;
    vb_score_summary s;
    vb_err err;

    (void)state;
    put_pair();
    assert_int_equal(run(&(vb_score_options){0}, &log, &s, &err), VB_OK);
    assert_int_equal(s.n_videos, 1);
    assert_int_equal(s.objects[0].n_frames, 2); /* without the first and the last */
    assert_true(fabs(s.j - 9.0 / 11) < 1e-12);
    vb_score_summary_deinit(&s);
    assert_non_null(strstr(log, "Global score: J&F: 90.9 J: 81.8 F: 100.0\n"));
    free(log);
    text = read_text(in_scratch("pred/results.csv"));
    assert_string_equal(text, "sequence    ,obj,  J&F,    J,    F\n"
                              "Global score,   , 90.9, 81.8, 100.0\n"
                              "v           ,000, 90.9, 81.8, 100.0\n");
    free(text);
    assert_int_equal(run(&(vb_score_options){.quiet = true, .score_ends = true}, &log, &s, &err), VB_OK); /* again, over its own CSV */
    assert_int_equal(s.objects[0].n_frames, 4);
    assert_null(strstr(log, "Global"));
    assert_non_null(strstr(log, "pred/results.csv"));
    vb_score_summary_deinit(&s);
    free(log);
}

static void faults_name_the_file(void **state)
{
    const vb_score_options opt = {.quiet = true};
    char moved[512];
    vb_mask m;

    (void)state;
    put_pair();
    strcpy(moved, in_scratch("pred/v/000/00004.png"));
    assert_int_equal(rename(moved, in_scratch("kept.png")), 0);
    fails(VB_EIO, &opt, "pred/v/000/00004.png", "missing");
    ok(vb_mask_init(&m, 40, 30, &ok_err));
    ok(vb_png_write_mask(moved, &m, &ok_err));
    fails(VB_ESHAPE, &opt, "pred/v/000/00004.png", "30 x 40");
    vb_mask_deinit(&m);
    write_file(moved, "\x89PNG", 4);
    fails(VB_EFORMAT, &opt, "pred/v/000/00004.png", NULL);
    copy_file(moved, FIXTURES "/rgb.png");
    fails(VB_EFORMAT, &opt, "pred/v/000/00004.png", "grey or palette");
    assert_int_equal(rename(in_scratch("kept.png"), moved), 0);
    make_folder(scratch, "gt/v/001"); /* an object without a frame */
    write_file(in_scratch("gt/v/notes"), "", 0);
    fails(VB_EFORMAT, &opt, "gt/v/notes", NULL);
}

static void one_object_per_file(void **state)
{
    static const char *const sides[] = {"gt", "pred"};

    (void)state;
    put_pair();
    for (int i = 0; i < 2; i++) { /* label images under an object's folder */
        char path[512];

        snprintf(path, sizeof path, "%s/v/000/00004.png", sides[i]);
        copy_file(in_scratch(path), SETS "/davis/gt/two/00003.png");
        fails(i ? VB_EFORMAT : VB_ESHAPE, &(vb_score_options){.quiet = true}, "00004.png", NULL);
    }
}

static void strict_wants_the_same_videos(void **state)
{
    char *log;
    vb_score_summary s;
    vb_err err;

    (void)state;
    put_pair();
    make_folder(scratch, "gt/only_gt/000");
    make_folder(scratch, "pred/only_pred/000");
    assert_int_equal(run(&(vb_score_options){.strict = true}, &log, &s, &err), VB_EARG);
    assert_non_null(strstr(log, "only_gt"));
    assert_non_null(strstr(log, "only_pred"));
    assert_says(&err, "2 videos", NULL);
    free(log);
    assert_int_equal(run(&(vb_score_options){0}, &log, &s, &err), VB_OK); /* otherwise what both have */
    assert_int_equal(s.n_videos, 1);
    vb_score_summary_deinit(&s);
    free(log);
    remove_tree(in_scratch("pred/v"));
    fails(VB_EARG, &(vb_score_options){0}, "no video folder", NULL);
}

static void annotations_below_the_root_are_found(void **state)
{
    char *log;
    vb_score_summary s;
    vb_err err;
    char from[512], to[512];

    (void)state;
    put_pair();
    make_folder(scratch, "gt/Annotations");
    strcpy(from, in_scratch("gt/v"));
    strcpy(to, in_scratch("gt/Annotations/v"));
    assert_int_equal(rename(from, to), 0);
    make_folder(scratch, "gt/JPEGImages");
    assert_int_equal(run(&(vb_score_options){0}, &log, &s, &err), VB_OK);
    assert_int_equal(s.n_objects, 1);
    vb_score_summary_deinit(&s);
    free(log);
}

static void nothing_to_score_is_an_error(void **state)
{
    (void)state;
    put_pair();
    for (int i = 4; i < 12; i += 4) {
        char path[64];

        snprintf(path, sizeof path, "gt/v/000/%05d.png", i);
        unlink(in_scratch(path));
    }
    fails(VB_EFORMAT, &(vb_score_options){0}, "no object has ground truth", NULL); /* two frames: none is left */
}

/* The exit code for a command line; %G and %P stand for the folders, %O for the CSV. */
static int command(const char *line)
{
    char text[4096] = "", *argv[16], *save = NULL;
    int argc = 0;

    for (const char *p = line; *p; p++) {
        const size_t n = strlen(text);

        if (*p == '%')
            snprintf(text + n, sizeof text - n, "%s/%s", scratch, *++p == 'G' ? "gt" : *p == 'P' ? "pred" : "here.csv");
        else
            snprintf(text + n, sizeof text - n, "%c", *p);
    }
    for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save))
        argv[argc++] = p;
    argv[argc] = NULL;
    return vb_score_main(argc, argv);
}

static void options_as_meta_writes_them(void **state)
{
    static const char *const wrong[] = {"score --gt-root %G", "score --pred_root %P", "score -n 0 --gt-root %G --pred-root %P",
                                        "score --no-such-option", "score %G %P"};
    char *text;

    (void)state;
    assert_non_null(freopen("/dev/null", "w", stdout));
    assert_non_null(freopen("/dev/null", "w", stderr));
    put_pair();
    assert_int_equal(command("score --gt_root %G --pred_root=%P --num_processes 2 -s -q --do_not_skip_first_and_last_frame --out %O"), 0);
    text = read_text(in_scratch("here.csv"));
    assert_non_null(strstr(text, "\nv           ,000,"));
    free(text);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(command(wrong[i]), 2);
    remove_tree(in_scratch("gt"));
    assert_int_equal(command("score --gt-root %G --pred-root %P"), 3);
}

static int set_up(void **state)
{
    (void)state;
    make_scratch(scratch);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_tree(scratch);
    return 0;
}

int main(void)
{
#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(equal_to_meta),
        IN_SCRATCH(results_go_beside_the_predictions),
        IN_SCRATCH(faults_name_the_file),
        IN_SCRATCH(one_object_per_file),
        IN_SCRATCH(strict_wants_the_same_videos),
        IN_SCRATCH(annotations_below_the_root_are_found),
        IN_SCRATCH(nothing_to_score_is_an_error),
    };
    /* apart, and last: it silences the standard streams */
    const struct CMUnitTest silent[] = {IN_SCRATCH(options_as_meta_writes_them)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed ? failed : cmocka_run_group_tests(silent, NULL, NULL);
}
