/* Writes the seeds of all fuzz targets: DIR/TARGET/NAME. Usage: fuzz_seeds DIR
 * They are the tests' fixtures, what our own writers write, and a few lines by hand: nothing is kept twice. */
#include "../checkpoint/torch_writer.h"
#include "control.h"
#include "fuzz.h"
#include "options.h"
#include "plan.h"
#include "zip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIXTURE(path) VB_TEST_DIR "/" path

static const char *root;

static void stop(const char *what)
{
    perror(what);
    exit(2);
}

static void seed(const char *target, const char *name, const void *data, size_t n)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", root, target);
    if (mkdir(path, 0777) && errno != EEXIST)
        stop(path);
    snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    if (!(f = fopen(path, "wb")) || fwrite(data, 1, n, f) != n || fclose(f))
        stop(path);
}

static void seed_text(const char *target, const char *name, const char *text) { seed(target, name, text, strlen(text)); }

static bytes slurp(const char *path)
{
    bytes b = {.n = 0};
    FILE *f = fopen(path, "rb");
    int c;

    if (!f)
        stop(path);
    while ((c = getc(f)) != EOF)
        put_le(&b, (uint64_t)c, 1);
    fclose(f);
    return b;
}

static void seed_file(const char *target, const char *path)
{
    bytes b = slurp(path);

    seed(target, strrchr(path, '/') + 1, b.p, b.n);
    free(b.p);
}

static void weights(void)
{
    static const char *const files[] = {FIXTURE("checkpoint/fixtures/good_types.pt"), FIXTURE("checkpoint/fixtures/good_training.pt"),
                                        FIXTURE("checkpoint/fixtures/good_parameters.pt")};
    bytes b;
    vb_zip *zip;
    vb_err err;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        b = slurp(files[i]);
        seed_file("checkpoint", files[i]);
        if (vb_zip_open(&zip, b.p, b.n, files[i], &err) != VB_OK) {
            fprintf(stderr, "%s\n", err.msg);
            exit(2);
        }
        seed("pickle", strrchr(files[i], '/') + 1, vb_zip_at(zip, 0)->data, (size_t)vb_zip_at(zip, 0)->size);
        vb_zip_free(zip);
        free(b.p);
    }
    b = slurp(FIXTURE("checkpoint/fixtures/good.safetensors"));
    seed("safetensors", "header", b.p + 8, (size_t)b.p[0] | (size_t)b.p[1] << 8);
    free(b.p);
}

static void pictures(void)
{
    seed_file("png", FIXTURE("core/fixtures/grey.png"));
    seed_file("png", FIXTURE("core/fixtures/palette.png"));
    seed_file("png", FIXTURE("core/fixtures/palette1.png"));
    seed_file("png", FIXTURE("core/fixtures/bilevel.png"));
    seed_file("png", FIXTURE("core/fixtures/rgb.png"));
    seed_file("jpeg", FIXTURE("core/fixtures/444.jpg"));
    seed_file("jpeg", FIXTURE("core/fixtures/grey.jpg"));
    seed_file("jpeg", FIXTURE("core/fixtures/progressive.jpg"));
    seed_file("jpeg", FIXTURE("core/fixtures/cmyk.jpg"));
    /* 12 x 70: box of two columns; all background; all foreground; 1 x 1 */
    seed_text("rle", "box", "\x0b\x45" "<4T16f02:");
    seed_text("rle", "none", "\x0b\x45" "hj0");
    seed_text("rle", "all", "\x0b\x45" "0hj0");
    seed("rle", "pixel", "\0\0" "01", 4);
}

/* A message as the link carries it, behind what is in b. */
static void message(bytes *b, vb_msg_type type, const void *payload, size_t n)
{
    uint8_t head[VB_MSG_HEAD];

    vb_msg_head_encode(head, &(vb_msg){type, (uint32_t)n, 7});
    put(b, head, sizeof head);
    put(b, payload, n);
}

static void wire_and_json(void)
{
    char *argv[] = {"run", "--split-dir", "D", "--models", "stub,edgetam_box", "--image-size", "512,1024", "--dtype", "fp32,bf16", NULL};
    uint8_t progress[VB_PROGRESS_BYTES], verdict[VB_VERDICT_BYTES], piece[VB_PIECE_HEAD + 5];
    static const uint8_t sha_hello[32] = {0x2c, 0xf2, 0x4d, 0xba, 0x5f, 0xb0, 0xa3, 0x0e, 0x26, 0xe8, 0x3b, 0x2a, 0xc5, 0xb9, 0xe2, 0x9e,
                                          0x1b, 0x16, 0x1e, 0x5c, 0x1f, 0xa7, 0x42, 0x5e, 0x73, 0x04, 0x33, 0x62, 0x93, 0x8b, 0x98, 0x24};
    vb_piece p = {.trial = 0, .total = 5, .offset = 0, .n = 5};
    vb_options o;
    vb_block block;
    bytes all = {.n = 0};
    char *text[7] = {NULL};
    static const vb_msg_type types[] = {VB_MSG_LEASE, VB_MSG_WELCOME, VB_MSG_HELLO, VB_MSG_FAILED, VB_MSG_ATTEMPT, VB_MSG_FAULT};
    vb_err err;

    if (vb_options_parse_with(&o, NULL, 0, 9, argv, &err) || vb_block_make(&block, &o, "v1", &o.setups[0], &err) ||
        vb_block_to_json(&text[0], &block, &err) || vb_welcome_to_json(&text[1], &(vb_welcome){"run-1", "nano3"}, &err) ||
        vb_hello_to_json(&text[2], &(vb_hello){.host = "nano3", .device = "cpu", .pid = 42}, &err) ||
        vb_failure_to_json(&text[3], &(vb_failure){.code = "EIO", .reason = "no frame", .last_frame = 3, .last_stage = "decode"}, &err) ||
        vb_death_to_json(&text[4], &(vb_death){.outcome = "signal", .signal = 9, .last_frame = -1, .duration_ms = 2.5}, &err) ||
        vb_fault_to_json(&text[5], &(vb_fault){"ECUDA", "out of memory"}, &err) || vb_options_json(&text[6], &o, &err)) {
        fprintf(stderr, "seeds: %s\n", err.msg);
        exit(2);
    }
    for (int i = 0; i < 7; i++) {
        bytes json = {.n = 0}, wire = {.n = 0};
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        put_le(&json, (uint64_t)i, 1);
        put_str(&json, text[i]);
        seed("json", name, json.p, json.n);
        if (i < 6) {
            message(&wire, types[i], text[i], strlen(text[i]));
            seed("wire", name, wire.p, wire.n);
        }
        free(json.p);
        free(wire.p);
        free(text[i]);
    }
    vb_block_deinit(&block);
    vb_progress_encode(progress, &(vb_progress){1, 5, 37, VB_STAGE_ATTEND, 2});
    vb_verdict_encode(verdict, &(vb_verdict){1, true});
    message(&all, VB_MSG_REQUEST, NULL, 0);
    message(&all, VB_MSG_PROGRESS, progress, sizeof progress);
    message(&all, VB_MSG_ACK, verdict, sizeof verdict);
    memcpy(p.sha256, sha_hello, 32);
    for (int k = 0; k < 2; k++) { /* whole, then its first half twice */
        p.n = k ? 3 : 5;
        vb_piece_encode(piece, &p);
        memcpy(piece + VB_PIECE_HEAD, "hello", 5);
        message(&all, VB_MSG_RESULT, piece, VB_PIECE_HEAD + p.n);
    }
    p.offset = 3, p.n = 2;
    vb_piece_encode(piece, &p);
    memcpy(piece + VB_PIECE_HEAD, "lo", 2);
    message(&all, VB_MSG_RESULT, piece, VB_PIECE_HEAD + p.n);
    message(&all, VB_MSG_DONE, NULL, 0);
    seed("wire", "stream", all.p, all.n);
    free(all.p);
}

static void words(void)
{
    seed_text("cli", "run", "--split_dir=D\n--models=edgetam_points,sam2_base_bbox\n--limit_videos\n1\n--autocast_dtype\nbfloat16\n-q\n");
    seed_text("cli", "lists", "--data\nD\n--model=all_box,sam2*_points,stub\n--imgsz=512,1024\n--dtype=fp32,half,tf32\n--bank-dtype=autocast\n");
    seed_text("cli", "more", "--split-dir=D\n--models=stub,edgetam\n--checkpoint\nedgetam=seed:7\n--slice=2/4\n--seed=18446744073709551615\n"
                             "--clicks=3\n--require-flash=strict\n--save-masks=none\n--on-throttle=wait\n");
    seed_text("cli", "words", "edgetam/point/1024/bfloat16/bank-bfloat16/stream\npoint:12,40,1;3,4,0\nbox:1,2,30,40\nseed:1\nnano3 slots=2 max_slots=4\n");
    /* [table, offset, length] and bytes: see fuzz_shard.c */
    seed("shard", "frame", "\0\x08\0\4\1\2\3\4", 8);
    seed("shard", "score", "\1\0\0\x08\1\0\0\0\0\0\0\0", 12);
    seed("shard", "object", "\2\0\0\3a/b\3\0\0\2ab", 13);
    seed("shard", "numbers", "\5\0\0\4\xff\xff\0\0\4\0\0\5hello", 17);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    root = argv[1];
    if (mkdir(root, 0777) && errno != EEXIST)
        stop(root);
    weights();
    pictures();
    wire_and_json();
    words();
    return 0;
}
