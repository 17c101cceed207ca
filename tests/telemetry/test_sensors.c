/* Sensors and settings of four Jetsons and a PC, from trees of files: right rails and totals, zones, clocks, modes; what is
 * missing or unreadable is not told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "board.h"
#include "sensors.h"
#include "tree.h"

#include <math.h>
#include <string.h>

static int near(double a, double b) { return fabs(a - b) < 1e-6 * (1 + fabs(b)); }
#define NEAR(a, b) assert_true(near(a, b))

static void open_tree(vb_sensors *s, const char *root)
{
    vb_err err = {0};

    if (vb_sensors_open(s, root, &err))
        fail_msg("%s", err.msg);
    vb_sensors_read(s);
}

static double named(const vb_sensors *s, vb_sensor_kind kind, const char *name)
{
    const vb_sensor *o = vb_sensors_named(s, kind, name);

    assert_non_null(o);
    return o->value;
}

typedef struct {
    const char *tree, *total, *mode;
    double watts, gpu_mhz, cpu_mhz, load, hottest, available;
    int fixed;
} expected;

static const expected boards[] = {
    {"orin_nano", "VDD_IN", "15W", 8.0, 624.75, 1510.4, 0.87, 49.125, 5368709120.0, 0},
    {"orin_nx", "VDD_IN", "15W, fixed clocks", 15.2, 918, 1984, 1.0, 61.5, 9663676416.0, 1},
    {"agx_orin", "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0", "50W", 17.0, 1300.5, 2201.6, 0.5, 45.5, 53687091200.0, 0},
    {"agx_thor", "VIN", "120W", 52.5, 1575, 2601, NAN, 53.0, 107374182400.0, 0},
};

static void jetsons_tell_rails_zones_clocks_and_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof boards / sizeof *boards; i++) {
        const expected *e = &boards[i];
        char root[256], text[96];
        vb_sensors s;
        vb_board b;

        tree_make(root, e->tree);
        open_tree(&s, root);
        vb_sensors_total_name(text, sizeof text, &s, VB_SENSOR_POWER);
        assert_string_equal(text, e->total);
        NEAR(vb_sensors_total_power(&s), e->watts);
        NEAR(vb_sensors_max(&s, VB_SENSOR_GPU_CLOCK), e->gpu_mhz);
        NEAR(vb_sensors_mean(&s, VB_SENSOR_CPU_CLOCK), e->cpu_mhz);
        if (isnan(e->load))
            assert_true(isnan(vb_sensors_max(&s, VB_SENSOR_GPU_LOAD)));
        else
            NEAR(vb_sensors_max(&s, VB_SENSOR_GPU_LOAD), e->load);
        NEAR(vb_sensors_max(&s, VB_SENSOR_TEMPERATURE), e->hottest);
        NEAR(named(&s, VB_SENSOR_MEMORY, "MemAvailable"), e->available);
        vb_sensors_close(&s);
        vb_board_read(&b, root);
        assert_int_equal(b.unified, 1);
        assert_int_equal(b.fixed_clocks, e->fixed);
        vb_board_mode_text(text, sizeof text, &b);
        assert_string_equal(text, e->mode);
        tree_remove(root);
    }
}

static void rails_of_agx_orin_are_each_told_and_unused_ones_left_out(void **state)
{
    char root[256];
    vb_sensors s;
    int rails = 0;

    (void)state;
    tree_make(root, "agx_orin");
    open_tree(&s, root);
    for (int i = 0; i < s.n; i++)
        rails += s.list[i].kind == VB_SENSOR_POWER;
    assert_int_equal(rails, 4); /* "NC" is no rail */
    NEAR(named(&s, VB_SENSOR_POWER, "VDD_GPU_SOC"), 10.0);
    NEAR(named(&s, VB_SENSOR_POWER, "VDD_CPU_CV"), 2.0);
    NEAR(named(&s, VB_SENSOR_POWER, "VIN_SYS_5V0"), 5.0);
    NEAR(named(&s, VB_SENSOR_POWER, "VDDQ"), 1.0); /* fed from VIN_SYS_5V0: not in the total */
    vb_sensors_close(&s);
    tree_remove(root);
}

static void throttles_count_and_fans_do_not(void **state)
{
    char root[256];
    vb_sensors s;

    (void)state;
    tree_make(root, "orin_nano");
    open_tree(&s, root);
    NEAR(vb_sensors_max(&s, VB_SENSOR_COOLING), 0);
    assert_null(vb_sensors_named(&s, VB_SENSOR_COOLING, "pwm-fan"));
    NEAR(vb_sensors_max(&s, VB_SENSOR_ALARM), 0);
    vb_sensors_close(&s);
    tree_remove(root);
    tree_make(root, "orin_nx");
    open_tree(&s, root);
    NEAR(named(&s, VB_SENSOR_COOLING, "cpufreq"), 3);
    NEAR(named(&s, VB_SENSOR_ALARM, "VDD_IN"), 1);
    NEAR(named(&s, VB_SENSOR_EVENTS, "oc1"), 4);
    vb_sensors_close(&s);
    tree_remove(root);
}

/* Two kinds of processors under one name would be one device in every report. */
static void processors_have_names_of_their_own(void **state)
{
    static const struct {
        const char *tree, *cpuinfo, *name;
    } of[] = {
        {"orin_nano", "processor : 0\nmodel name : ARMv8 Processor rev 1 (v8l)\nCPU implementer : 0x41\nCPU part : 0xd42\n",
         "NVIDIA Jetson Orin Nano Developer Kit"},
        {"pc", "processor : 0\nmodel name : AMD EPYC 7B13\n\nprocessor : 1\nmodel name : other\n", "AMD EPYC 7B13"},
        {"pc", "processor : 0\nmodel name : ARMv8 Processor rev 0 (v8l)\nCPU implementer : 0x41\nCPU part : 0xd0c\n",
         "Arm implementer 0x41 part 0xd0c"},
        {"pc", "processor : 0\nCPU implementer : 0x41\n", "CPU"},
        {"pc", NULL, "CPU"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char root[256], name[96];

        tree_make(root, of[i].tree);
        if (of[i].cpuinfo)
            tree_set(root, "proc/cpuinfo", of[i].cpuinfo);
        vb_board_cpu_name(name, sizeof name, root);
        assert_string_equal(name, of[i].name);
        tree_remove(root);
    }
}

static void gpus_of_boards_have_names_of_their_own(void **state)
{
    static const char *const of[][2] = {{"orin_nano", "NVIDIA Jetson Orin Nano Developer Kit (Orin)"}, {"pc", "Orin"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char root[256], name[96];

        tree_make(root, of[i][0]);
        vb_board_gpu_name(name, sizeof name, root, "Orin");
        assert_string_equal(name, of[i][1]);
        tree_remove(root);
    }
}

static void missing_and_unreadable_files_are_not_told(void **state)
{
    char root[256];
    vb_sensors s;
    vb_board b;

    (void)state;
    tree_make(root, "agx_thor");
    open_tree(&s, root);
    assert_true(isnan(named(&s, VB_SENSOR_TEMPERATURE, "gpu"))); /* it opens and cannot be read */
    vb_sensors_close(&s);
    /* The supply's sensor is gone: the sum of the parts stands in, under its own name. */
    tree_set(root, "sys/class/hwmon/hwmon4/power1_input", NULL);
    open_tree(&s, root);
    NEAR(vb_sensors_total_power(&s), 24 + 9.6 + 6);
    /* One part without a reading leaves no total, rather than a smaller one. */
    tree_set(root, "sys/class/hwmon/hwmon3/curr2_input", "");
    vb_sensors_read(&s);
    assert_true(isnan(vb_sensors_total_power(&s)));
    vb_sensors_close(&s);
    tree_set(root, "var/lib/nvpmodel/status", NULL);
    vb_board_read(&b, root);
    assert_string_equal(b.power_mode, "");
    tree_remove(root);
}

enum { MOST_FILES = 128 };

typedef struct {
    vb_sensors s;
    char total[96];
    double watts;
    vb_board b;
} reading;

static void take(reading *r, const char *root)
{
    open_tree(&r->s, root);
    vb_sensors_total_name(r->total, sizeof r->total, &r->s, VB_SENSOR_POWER);
    r->watts = vb_sensors_total_power(&r->s);
    vb_board_read(&r->b, root);
}

/* What is told with one file broken is what was told before, or nothing. */
static void no_other_numbers(const reading *now, const reading *before, const char *tree, const char *path, const char *how)
{
    for (int i = 0; i < now->s.n; i++)
        for (int k = 0; k < before->s.n; k++) {
            const vb_sensor *o = &now->s.list[i], *was = &before->s.list[k];

            if (!isnan(o->value) && o->kind == was->kind && !strcmp(o->name, was->name) && !near(o->value, was->value))
                fail_msg("%s, %s %s: %s %s tells %g instead of %g", tree, path, how, vb_sensor_kind_name(o->kind), o->name, o->value,
                         was->value);
        }
    if (!isnan(now->watts) && !strcmp(now->total, before->total) && !near(now->watts, before->watts))
        fail_msg("%s, %s %s: %s tells %g W instead of %g", tree, path, how, now->total, now->watts, before->watts);
    /* Thor without VIN: its parts, under their own names, are three quarters of it. */
    if (!isnan(now->watts) && now->watts < before->watts * 0.7)
        fail_msg("%s, %s %s: the whole machine takes %g W (%s) instead of %g (%s)", tree, path, how, now->watts, now->total, before->watts,
                 before->total);
    if (now->b.fixed_clocks == 1 && before->b.fixed_clocks == 0)
        fail_msg("%s, %s %s: clocks are called fixed", tree, path, how);
}

/* Every file of every tree in turn is missing, empty, no number, or fails when it is read. */
static void each_broken_file_leaves_no_wrong_number(void **state)
{
    static const char *const how[] = {NULL, "", "nonsense", "(unreadable)"};
    int n_tried = 0, n_untold = 0;

    (void)state;
    for (size_t i = 0; i < sizeof boards / sizeof *boards; i++) {
        static tree_file files[MOST_FILES];
        int n = tree_files(files, MOST_FILES, boards[i].tree);
        char root[256];
        reading before, now;

        tree_make(root, boards[i].tree);
        take(&before, root);
        for (int p = 0; p < n; p++)
            for (size_t h = 0; h < sizeof how / sizeof *how; h++) {
                tree_set(root, files[p].path, NULL);
                if (how[h])
                    tree_set(root, files[p].path, how[h]);
                take(&now, root);
                no_other_numbers(&now, &before, boards[i].tree, files[p].path, how[h] ? how[h] : "missing");
                n_untold += isnan(now.watts);
                n_tried++;
                vb_sensors_close(&now.s);
                if (how[h])
                    tree_set(root, files[p].path, NULL);
                tree_set(root, files[p].path, files[p].content);
            }
        vb_sensors_close(&before.s);
        tree_remove(root);
    }
    print_message("%d broken files; with %d of them the machine's power is not told\n", n_tried, n_untold);
    assert_true(n_tried > 400);
}

static void an_empty_machine_tells_nothing(void **state)
{
    vb_sensors s;
    vb_board b;
    char text[8];

    (void)state;
    open_tree(&s, "/nonexistent");
    assert_int_equal(s.n, 0);
    assert_true(isnan(vb_sensors_total_power(&s)));
    vb_sensors_total_name(text, sizeof text, &s, VB_SENSOR_POWER);
    assert_string_equal(text, "");
    vb_sensors_close(&s);
    vb_board_read(&b, "/nonexistent");
    assert_int_equal(b.unified, 0);
    assert_int_equal(b.fixed_clocks, -1);
}

static void a_pc_counts_packages_and_not_their_parts(void **state)
{
    char root[256], text[64];
    vb_sensors s;
    vb_board b;

    (void)state;
    tree_make(root, "pc");
    open_tree(&s, root);
    vb_sensors_total_name(text, sizeof text, &s, VB_SENSOR_ENERGY);
    assert_string_equal(text, "package-0");
    NEAR(named(&s, VB_SENSOR_ENERGY, "package-0"), 1.0);
    NEAR(vb_sensors_named(&s, VB_SENSOR_ENERGY, "package-0")->wrap, 262143.328850);
    assert_null(vb_sensors_named(&s, VB_SENSOR_ENERGY, "core"));
    vb_sensors_close(&s);
    vb_board_read(&b, root);
    assert_int_equal(b.unified, 0);
    assert_int_equal(b.fixed_clocks, -1);
    tree_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jetsons_tell_rails_zones_clocks_and_modes),
        cmocka_unit_test(rails_of_agx_orin_are_each_told_and_unused_ones_left_out),
        cmocka_unit_test(throttles_count_and_fans_do_not),
        cmocka_unit_test(processors_have_names_of_their_own),
        cmocka_unit_test(gpus_of_boards_have_names_of_their_own),
        cmocka_unit_test(missing_and_unreadable_files_are_not_told),
        cmocka_unit_test(each_broken_file_leaves_no_wrong_number),
        cmocka_unit_test(an_empty_machine_tells_nothing),
        cmocka_unit_test(a_pc_counts_packages_and_not_their_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
