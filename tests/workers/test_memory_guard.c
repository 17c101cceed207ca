/* What is free, and the refusal of what does not fit: needed, free and a remedy that really fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "free_memory.h"
#include "memory_guard.h"
#include "tree.h"

#include <stdio.h>
#include <string.h>

enum { KIB = 1024, MIB = 1 << 20 };

static void limits_of_control_groups_count(void **state)
{
    char root[256];

    (void)state;
    tree_make(root, "pc");
    assert_int_equal(vb_free_memory(root), 20971520ll * KIB); /* no groups at all */
    tree_set(root, "proc/self/cgroup", "0::/slurm/job_7/step_0");
    assert_int_equal(vb_free_memory(root), 20971520ll * KIB); /* none of them limits */
    tree_set(root, "sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max");
    tree_set(root, "sys/fs/cgroup/slurm/job_7/step_0/memory.current", "1000000");
    tree_set(root, "sys/fs/cgroup/slurm/job_7/memory.max", "4000000000");
    tree_set(root, "sys/fs/cgroup/slurm/job_7/memory.current", "1500000000");
    assert_int_equal(vb_free_memory(root), 2500000000ll); /* the job's, above the step */
    tree_set(root, "sys/fs/cgroup/slurm/job_7/memory.stat", "anon 900000000\\ninactive_file 500000000\\nactive_file 1");
    assert_int_equal(vb_free_memory(root), 3000000000ll); /* page cache is given up first */
    tree_set(root, "sys/fs/cgroup/memory.max", "100000");
    tree_set(root, "sys/fs/cgroup/memory.current", "200000");
    assert_int_equal(vb_free_memory(root), 0);
    tree_set(root, "proc/self/cgroup", "12:memory:/docker/abc\\n11:cpu,cpuacct:/docker/abc");
    tree_set(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000");
    tree_set(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "1000000");
    tree_set(root, "sys/fs/cgroup/memory/memory.stat", "cache 7\\ntotal_inactive_file 250000");
    assert_int_equal(vb_free_memory(root), 2250000); /* in a container the name is one of outside */
    tree_set(root, "proc/meminfo", NULL);
    assert_int_equal(vb_free_memory(root), 2250000);
    tree_set(root, "proc/self/cgroup", NULL);
    assert_int_equal(vb_free_memory(root), -1);
    tree_remove(root);
    assert_true(vb_free_memory("") > 0); /* this machine */
}

static const vb_memory_case big = {.model = "sam2.1_t", .image_size = 1024, .dtype = VB_FLOAT32, .bank = VB_BANK_BFLOAT16, .cuda = true,
                                   .h = 720, .w = 1280, .n_frames = 100, .n_objects = 16, .max_batch = 16, .batch_frames = 1};

static void what_fits_passes(void **state)
{
    vb_memory_estimate e = vb_memory_estimate_of(&big);
    vb_room room = {.device_bytes = e.device_bytes, .host_bytes = e.rss_bytes}, unknown = {.device_bytes = -1, .host_bytes = -1};
    vb_room shared = {.device_bytes = -1, .host_bytes = e.rss_bytes + e.device_bytes, .unified = true};
    vb_err err = {0};

    (void)state;
    assert_true(e.device_bytes > 0 && e.rss_bytes > 0);
    assert_int_equal(vb_memory_guard(&big, &room, &err), VB_OK);
    assert_int_equal(vb_memory_guard(&big, &unknown, &err), VB_OK); /* where nothing tells, nothing is refused */
    assert_int_equal(vb_memory_guard(&big, &shared, &err), VB_OK);
    room.device_bytes--;
    assert_int_equal(vb_memory_guard(&big, &room, &err), VB_ENOMEM);
    shared.host_bytes--;
    assert_int_equal(vb_memory_guard(&big, &shared, &err), VB_ENOMEM);
    assert_non_null(strstr(err.msg, "unified memory"));
    room = (vb_room){.device_bytes = -1, .host_bytes = e.rss_bytes - 1};
    assert_int_equal(vb_memory_guard(&big, &room, &err), VB_ENOMEM);
    assert_non_null(strstr(err.msg, "host memory"));
}

static void a_refusal_says_what_fits(void **state)
{
    vb_memory_case less = big;
    vb_room room = {.host_bytes = -1};
    char text[64];
    int n = 0;
    vb_err err = {0};

    (void)state;
    for (int batch = 8; batch >= 1; batch /= 2, n++) { /* room for that batch and no more */
        less.max_batch = batch;
        room.device_bytes = vb_memory_estimate_of(&less).device_bytes;
        assert_int_equal(vb_memory_guard(&big, &room, &err), VB_ENOMEM);
        snprintf(text, sizeof text, "--max-batch %d would fit", batch);
        assert_non_null(strstr(err.msg, text));
        snprintf(text, sizeof text, "%.0f MiB are free", (double)room.device_bytes / MIB);
        assert_non_null(strstr(err.msg, text));
        snprintf(text, sizeof text, "needs about %.0f MiB of device memory", (double)vb_memory_estimate_of(&big).device_bytes / MIB);
        assert_non_null(strstr(err.msg, text));
    }
    assert_int_equal(n, 4);
    room.device_bytes--;
    assert_int_equal(vb_memory_guard(&big, &room, &err), VB_ENOMEM);
    assert_null(strstr(err.msg, "--max-batch"));
    assert_non_null(strstr(err.msg, "smaller --image-size"));
}

static void estimates_grow_with_what_they_are_of(void **state)
{
    static const char *const models[] = {"edgetam", "sam2.1_t", "sam2.1_s", "sam2.1_b+", "sam2.1_l", "sam2_t", "sam2_s", "sam2_b+", "sam2_l"};
    int n = 0;

    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (int cuda = 0; cuda < 2; cuda++) {
            vb_memory_case base = {.model = models[m], .image_size = 512, .dtype = VB_BFLOAT16, .bank = VB_BANK_BFLOAT16, .cuda = cuda,
                                   .h = 480, .w = 848, .n_frames = 100, .n_objects = 4, .max_batch = 4, .batch_frames = 1};
            vb_memory_case more[] = {base, base, base, base, base, base};
            vb_memory_estimate e = vb_memory_estimate_of(&base);

            more[0].image_size = 1024;
            more[1].dtype = VB_FLOAT32;
            more[2].n_objects = 8;
            more[3].h = 1080, more[3].w = 1920;
            more[4].n_objects = 8, more[4].max_batch = 8;
            more[5].batch_frames = 8;
            for (size_t i = 0; i < sizeof more / sizeof *more; i++, n++) {
                vb_memory_estimate greater = vb_memory_estimate_of(&more[i]);

                if (greater.rss_bytes < e.rss_bytes || (cuda && greater.device_bytes <= e.device_bytes))
                    fail_msg("%s, cuda %d, case %zu: %lld and %lld, no more than %lld and %lld", models[m], cuda, i,
                             (long long)greater.device_bytes, (long long)greater.rss_bytes, (long long)e.device_bytes, (long long)e.rss_bytes);
                assert_int_equal(greater.device_bytes == -1, !cuda);
            }
        }
    print_message("%d comparisons\n", n);
    assert_int_equal(n, 108);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_of_control_groups_count), cmocka_unit_test(what_fits_passes), cmocka_unit_test(a_refusal_says_what_fits),
        cmocka_unit_test(estimates_grow_with_what_they_are_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
