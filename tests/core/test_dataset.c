/* Data sets on disk: the bundled one, limits, and every fault that headers tell. */
#include "support.h"

#include "dataset.h"
#include "image_io.h"

#include <stdlib.h>
#include <unistd.h>

static char root[256];

static char *at(const char *relative)
{
    static char path[4][512];
    static int next;

    next = (next + 1) % 4;
    assert_true(strlen(root) + strlen(relative) < sizeof path[next] - 1);
    sprintf(path[next], "%s/%s", root, relative);
    return path[next];
}

static void put_text(const char *relative, const char *text) { write_file(at(relative), text, strlen(text)); }

static void put_mask(const char *relative, int h, int w)
{
    vb_mask m;

    ok(vb_mask_init(&m, h, w, &ok_err));
    ok(vb_png_write_mask(at(relative), &m, &ok_err));
    vb_mask_deinit(&m);
}

/* A video of 5 frames of 37 x 53 with an object 000 annotated on frames 0 and 4. */
static void put_video(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "JPEGImages_24fps/%s", name);
    make_folder(root, path);
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "JPEGImages_24fps/%s/%05d.jpg", name, i);
        copy_file(at(path), FIXTURES "/444.jpg");
    }
    snprintf(path, sizeof path, "Annotations_6fps/%s/000", name);
    make_folder(root, path);
    for (int i = 0; i < 5; i += 4) {
        snprintf(path, sizeof path, "Annotations_6fps/%s/000/%05d.png", name, i);
        put_mask(path, 37, 53);
    }
}

static int set_up(void **state)
{
    (void)state;
    make_scratch(root);
    put_video("a");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_tree(root);
    return 0;
}

static vb_dataset *open_all(const vb_limits *limits)
{
    vb_dataset *d;

    ok(vb_dataset_open(&d, root, NULL, limits, &ok_err));
    return d;
}

/* Scanning video a must fail with these words. */
static void scan_fails(const vb_limits *limits, const char *word, const char *word2)
{
    vb_dataset *d = open_all(limits);
    vb_video *v;
    vb_err err = {0};
    vb_status st = vb_video_scan(&v, d, "a", &err);

    assert_null(v);
    assert_true(st == VB_EFORMAT || st == VB_EIO);
    assert_int_equal(err.code, st);
    assert_says(&err, "video 'a'", word, word2, NULL);
    vb_dataset_free(d);
}

static void the_bundled_clips(void **state)
{
    vb_dataset *d;
    vb_video *v;
    char path[4096];
    vb_mask m;

    (void)state;
    ok(vb_dataset_open(&d, VB_DATA_DIR "/", "sav_shapes", NULL, &ok_err));
    assert_int_equal(d->n_videos, 6);
    assert_string_equal(d->names[0], "shapes_000001");
    ok(vb_video_scan(&v, d, "shapes_000002", &ok_err));
    assert_int_equal(v->h, 848);
    assert_int_equal(v->w, 480);
    assert_int_equal(v->n_frames, 37);
    assert_int_equal(v->n_masklets, 2);
    assert_string_equal(v->masklets[1].obj_id, "001");
    assert_int_equal(v->masklets[1].n_annotated, 10);
    assert_int_equal(v->masklets[1].annotated[9], 36);
    vb_video_mask_path(path, sizeof path, d, v, &v->masklets[0], 4);
    assert_string_equal(path, VB_DATA_DIR "/Annotations_6fps/shapes_000002/000/00004.png");
    ok(vb_png_read_mask(&m, path, &ok_err));
    vb_mask_deinit(&m);
    vb_video_free(v);
    vb_dataset_free(d);
}

static void without_a_list_every_folder(void **state)
{
    vb_dataset *d;
    vb_err err;

    (void)state;
    put_video("c");
    put_video("b");
    make_folder(root, "JPEGImages_24fps/.cache");
    d = open_all(NULL);
    assert_int_equal(d->n_videos, 3);
    assert_string_equal(d->names[1], "b");
    vb_dataset_free(d);
    make_folder(root, "JPEGImages_24fps/with space");
    assert_int_equal(vb_dataset_open(&d, root, NULL, NULL, &err), VB_EFORMAT);
    assert_says(&err, "with space", NULL);
}

static void lists_as_people_write_them(void **state)
{
    vb_dataset *d;

    (void)state;
    put_text("val.txt", "\xEF\xBB\xBF" "c\r\n\r\n# a comment\n  b\t\n\na");
    d = open_all(NULL);
    assert_int_equal(d->n_videos, 3);
    assert_string_equal(d->names[0], "c");
    assert_string_equal(d->names[1], "b");
    assert_string_equal(d->names[2], "a");
    vb_dataset_free(d);
    put_text("test.txt", "a\n");
    for (int i = 0; i < 2; i++) {
        ok(vb_dataset_open(&d, root, i ? "test" : "test.txt", NULL, &ok_err));
        assert_int_equal(d->n_videos, 1);
        vb_dataset_free(d);
    }
}

static void doubtful_lists_are_refused(void **state)
{
    static const char *const bad[][2] = {{"../../etc\n", "'../../etc'"}, {"a\n/etc/passwd\n", "line 2"}, {"a\n.\n", "'.'"}, {"a b\n", "'a b'"},
                                         {"a\nb\na\n", "'a' is listed twice"}, {"", "names no video"}, {"# none\n\n", "names no video"},
                                         {"a\x1b[31m\n", "'a?[31m'"}, {"-rf\n", "'-rf'"}};
    static const char binary[] = "a\n\0b\n";
    char longest[600];
    vb_dataset *d;
    vb_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text("x.txt", bad[i][0]);
        assert_int_equal(vb_dataset_open(&d, root, NULL, NULL, &err), VB_EFORMAT);
        assert_null(d);
        assert_says(&err, bad[i][1], "x.txt", NULL);
    }
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    put_text("x.txt", longest);
    assert_int_equal(vb_dataset_open(&d, root, NULL, NULL, &err), VB_EFORMAT);
    write_file(at("x.txt"), binary, sizeof binary);
    assert_int_equal(vb_dataset_open(&d, root, NULL, NULL, &err), VB_EFORMAT);
    put_text("y.txt", "a\n");
    assert_int_equal(vb_dataset_open(&d, root, NULL, NULL, &err), VB_EARG);
    assert_says(&err, "x.txt, y.txt", "--split-name", NULL);
    assert_int_equal(vb_dataset_open(&d, root, "../y", NULL, &err), VB_EARG);
    assert_int_equal(vb_dataset_open(&d, root, "z", NULL, &err), VB_EARG);
    assert_says(&err, "z.txt", NULL);
}

static void a_folder_of_another_kind_is_refused(void **state)
{
    vb_dataset *d;
    vb_err err;

    (void)state;
    assert_int_equal(vb_dataset_open(&d, at("nowhere"), NULL, NULL, &err), VB_EIO);
    assert_says(&err, "nowhere", NULL);
    assert_int_equal(vb_dataset_open(&d, at("JPEGImages_24fps"), NULL, NULL, &err), VB_EIO);
    assert_says(&err, "SA-V", "JPEGImages_24fps/JPEGImages_24fps", NULL);
    assert_int_equal(vb_dataset_open(&d, "", NULL, NULL, &err), VB_EARG);
}

static void limits_and_seeded_order(void **state)
{
    vb_limits limits = {.limit_videos = 3, .shuffle = true, .seed = 1};
    char names[2][3][VB_NAME_MAX];
    char list[400] = "", path[64];
    vb_dataset *d;
    int moved = 0;

    (void)state;
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "v%02d\n", i);
        strcat(list, path);
    }
    put_text("list.txt", list);
    for (int again = 0; again < 2; again++) {
        d = open_all(&limits);
        assert_int_equal(d->n_videos, 3);
        memcpy(names[again], d->names, sizeof names[0]);
        vb_dataset_free(d);
    }
    assert_memory_equal(names[0], names[1], sizeof names[0]); /* the seed decides */
    snprintf(path, sizeof path, "%.9s %.9s %.9s", names[0][0], names[0][1], names[0][2]);
    assert_string_equal(path, "v11 v02 v16"); /* of every version: the records of earlier ones are of these videos */
    limits.seed = 2;
    d = open_all(&limits);
    moved = memcmp(names[0], d->names, sizeof names[0]);
    vb_dataset_free(d);
    assert_true(moved);
    limits.shuffle = false;
    d = open_all(&limits);
    assert_string_equal(d->names[2], "v02");
    vb_dataset_free(d);
}

static void clips_and_objects_are_cut(void **state)
{
    vb_limits limits = {.max_clip_frames = 4};
    vb_dataset *d;
    vb_video *v;

    (void)state;
    make_folder(root, "Annotations_6fps/a/001");
    put_mask("Annotations_6fps/a/001/00004.png", 37, 53); /* beyond the cut */
    unlink(at("JPEGImages_24fps/a/00004.jpg"));           /* and not even there */
    d = open_all(&limits);
    ok(vb_video_scan(&v, d, "a", &ok_err));
    assert_int_equal(v->n_frames, 4);
    assert_int_equal(v->n_masklets, 1);
    assert_int_equal(v->masklets[0].n_annotated, 1);
    vb_video_free(v);
    vb_dataset_free(d);

    put_video("a");
    put_mask("Annotations_6fps/a/001/00000.png", 37, 53);
    limits = (vb_limits){.limit_objects = 1};
    d = open_all(&limits);
    ok(vb_video_scan(&v, d, "a", &ok_err));
    assert_int_equal(v->n_masklets, 1);
    assert_string_equal(v->masklets[0].obj_id, "000");
    vb_video_free(v);
    vb_dataset_free(d);
    limits = (vb_limits){.max_clip_frames = 2};
    unlink(at("Annotations_6fps/a/000/00000.png"));
    unlink(at("Annotations_6fps/a/001/00000.png"));
    scan_fails(&limits, "no object annotated", "--max-clip-frames");
}

static void faults_name_video_and_file(void **state)
{
    (void)state;
    unlink(at("JPEGImages_24fps/a/00002.jpg"));
    scan_fails(NULL, "frame 2 is missing", "a/00002.jpg");
    copy_file(at("JPEGImages_24fps/a/00002.jpg"), FIXTURES "/progressive.jpg");

    put_text("JPEGImages_24fps/a/00002.jpg", "no picture");
    scan_fails(NULL, "not a JPEG", "a/00002.jpg");
    put_text("JPEGImages_24fps/a/00002.jpg", "\xFF\xD8\xFF\xE0");
    scan_fails(NULL, "truncated", "a/00002.jpg");
    copy_file(at("JPEGImages_24fps/a/00002.jpg"), FIXTURES "/cmyk.jpg");
    scan_fails(NULL, "CMYK", "a/00002.jpg");
    copy_file(at("JPEGImages_24fps/a/00002.jpg"), VB_TEST_DIR "/golden/clips/JPEGImages_24fps/sav_900001/00000.jpg");
    scan_fails(NULL, "320 x 240", "53 x 37");
    copy_file(at("JPEGImages_24fps/a/00002.jpg"), FIXTURES "/444.jpg");

    put_mask("Annotations_6fps/a/000/00008.png", 37, 53);
    scan_fails(NULL, "has no frame", "000/00008.png");
    unlink(at("Annotations_6fps/a/000/00008.png"));
    put_mask("Annotations_6fps/a/000/00004.png", 53, 37);
    scan_fails(NULL, "37 x 53", "000/00004.png");
    copy_file(at("Annotations_6fps/a/000/00004.png"), FIXTURES "/rgb.png");
    scan_fails(NULL, "grey or palette", "000/00004.png");
    put_text("Annotations_6fps/a/000/00004.png", "\x89PNG");
    scan_fails(NULL, "PNG", "000/00004.png");
    put_mask("Annotations_6fps/a/000/00004.png", 37, 53);

    put_text("Annotations_6fps/a/000/frame.png", "");
    scan_fails(NULL, "frame number", "frame.png");
    unlink(at("Annotations_6fps/a/000/frame.png"));
    put_text("JPEGImages_24fps/a/4.jpg", ""); /* the same frame twice */
    scan_fails(NULL, "padded", ".jpg");
    unlink(at("JPEGImages_24fps/a/4.jpg"));

    make_folder(root, "Annotations_6fps/a/001");
    scan_fails(NULL, "object '001' has no annotation", "a/001");
    rmdir(at("Annotations_6fps/a/001"));
    make_folder(root, "Annotations_6fps/a/x y");
    scan_fails(NULL, "'x y' is no object name", NULL);
    rmdir(at("Annotations_6fps/a/x y"));
}

static void whole_folders_that_lack(void **state)
{
    (void)state;
    remove_tree(at("Annotations_6fps/a"));
    scan_fails(NULL, "Annotations_6fps/a", "cannot list");
    make_folder(root, "Annotations_6fps/a");
    scan_fails(NULL, "no object annotated", NULL);
    put_mask("Annotations_6fps/a/00000.png", 37, 53);
    scan_fails(NULL, "a folder for each object", NULL);
    remove_tree(at("JPEGImages_24fps/a"));
    make_folder(root, "JPEGImages_24fps/a");
    scan_fails(NULL, "no frame", NULL);
    put_text("JPEGImages_24fps/a/notes.md", "");
    scan_fails(NULL, "no frame", NULL);
}

static void names_that_are_not_padded_lead_back_to_their_files(void **state)
{
    vb_dataset *d;
    vb_video *v;
    char path[4096];

    (void)state;
    remove_tree(at("JPEGImages_24fps/a"));
    make_folder(root, "JPEGImages_24fps/a");
    for (int i = 0; i < 12; i++) {
        snprintf(path, sizeof path, "JPEGImages_24fps/a/%d.jpg", i);
        copy_file(at(path), FIXTURES "/444.jpg");
    }
    put_text("JPEGImages_24fps/a/Thumbs.db", "");
    d = open_all(NULL);
    ok(vb_video_scan(&v, d, "a", &ok_err));
    assert_int_equal(v->n_frames, 12);
    vb_video_frame_path(path, sizeof path, d, v, 10);
    assert_string_equal(path + strlen(path) - 9, "/a/10.jpg");
    assert_int_equal(access(path, R_OK), 0);
    vb_video_free(v);
    vb_dataset_free(d);
}

static void links_are_followed(void **state)
{
    vb_dataset *d;
    vb_video *v;
    char target[512];

    (void)state;
    snprintf(target, sizeof target, "%s/kept", root);
    assert_int_equal(rename(at("JPEGImages_24fps/a"), target), 0);
    assert_int_equal(symlink(target, at("JPEGImages_24fps/a")), 0);
    snprintf(target, sizeof target, "%s/kept.png", root);
    assert_int_equal(rename(at("Annotations_6fps/a/000/00000.png"), target), 0);
    assert_int_equal(symlink(target, at("Annotations_6fps/a/000/00000.png")), 0);
    d = open_all(NULL);
    assert_int_equal(d->n_videos, 1);
    ok(vb_video_scan(&v, d, "a", &ok_err));
    vb_video_free(v);
    vb_dataset_free(d);
}

static void the_manifest_knows_names_and_sizes(void **state)
{
    vb_limits shuffled = {.shuffle = true, .seed = 5};
    char first[65], other[65];
    vb_dataset *d;

    (void)state;
    put_video("b");
    put_video("c");
    d = open_all(NULL);
    ok(vb_dataset_manifest(first, d, &ok_err));
    ok(vb_dataset_manifest(other, d, &ok_err));
    assert_string_equal(first, other);
    assert_int_equal(strlen(first), 64);
    put_text("JPEGImages_24fps/b/00002.jpg", "shorter");
    ok(vb_dataset_manifest(other, d, &ok_err));
    assert_string_not_equal(first, other);
    copy_file(at("JPEGImages_24fps/b/00002.jpg"), FIXTURES "/444.jpg");
    unlink(at("Annotations_6fps/c/000/00004.png"));
    ok(vb_dataset_manifest(other, d, &ok_err));
    assert_string_not_equal(first, other);
    put_mask("Annotations_6fps/c/000/00004.png", 37, 53);
    ok(vb_dataset_manifest(other, d, &ok_err));
    assert_string_equal(first, other);
    remove_tree(at("Annotations_6fps/c")); /* one broken video: another hash, no error */
    ok(vb_dataset_manifest(other, d, &ok_err));
    assert_string_not_equal(first, other);
    put_video("c");
    vb_dataset_free(d);
    d = open_all(&shuffled); /* order does not count */
    ok(vb_dataset_manifest(other, d, &ok_err));
    assert_string_equal(first, other);
    vb_dataset_free(d);
}

int main(void)
{
#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bundled_clips),
        IN_SCRATCH(without_a_list_every_folder),
        IN_SCRATCH(lists_as_people_write_them),
        IN_SCRATCH(doubtful_lists_are_refused),
        IN_SCRATCH(a_folder_of_another_kind_is_refused),
        IN_SCRATCH(limits_and_seeded_order),
        IN_SCRATCH(clips_and_objects_are_cut),
        IN_SCRATCH(faults_name_video_and_file),
        IN_SCRATCH(whole_folders_that_lack),
        IN_SCRATCH(names_that_are_not_padded_lead_back_to_their_files),
        IN_SCRATCH(links_are_followed),
        IN_SCRATCH(the_manifest_knows_names_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
