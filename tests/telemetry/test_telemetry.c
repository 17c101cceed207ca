/* The sampler on trees of files and on pretended GPUs, and what its samples come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nvml.h"
#include "telemetry.h"
#include "telemetry_sum.h"
#include "timing.h"
#include "tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int near(double a, double b) { return fabs(a - b) < 1e-9 * (1 + fabs(b)); }
#define NEAR(a, b) assert_true(near(a, b))

static void nap(int ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL); }

static vb_telemetry *open_it(vb_telemetry_config c)
{
    vb_telemetry *t;
    vb_err err = {0};

    if (vb_telemetry_open(&t, &c, &err))
        fail_msg("%s", err.msg);
    return t;
}

/* On a recorded board, which root becomes the folder of. */
static vb_telemetry *open_on_nano(char root[256], vb_telemetry_config c)
{
    tree_make(root, "orin_nano");
    setenv("SAVBENCH_SYSFS_ROOT", root, 1);
    return open_it(c);
}

/* A trial of four frames that lasts about 80 ms, with between() called in its middle. */
static void run(vb_trial *trial, vb_telemetry *t, void (*between)(vb_telemetry *t, const char *root), const char *root)
{
    double t0 = vb_now_ms();
    vb_err err = {0};

    memset(trial, 0, sizeof *trial);
    trial->frames = calloc(4, sizeof *trial->frames);
    assert_non_null(trial->frames);
    assert_int_equal(vb_telemetry_begin(t, t0, &err), VB_OK);
    for (int i = 0; i < 4; i++) {
        trial->frames[i].start_ms = vb_now_ms() - t0;
        nap(20);
        if (i == 1 && between)
            between(t, root);
        trial->frames[i].end_ms = vb_now_ms() - t0;
        trial->n_frames++;
    }
    if (vb_telemetry_finish(t, trial, &err))
        fail_msg("%s", err.msg);
}

static void a_jetson_gives_power_energy_and_idle(void **state)
{
    char root[256];
    vb_provenance from = {0};
    vb_telemetry *t;
    vb_trial trial;
    double ms;

    (void)state;
    t = open_on_nano(root, (vb_telemetry_config){.device = VB_DEVICE_CUDA, .pci = "0000:00:00.0", .hz = 100, .alone = true});
    vb_telemetry_describe(t, &from);
    assert_string_equal(from.power_source, "VDD_IN");
    assert_string_equal(from.power_mode, "15W");
    tree_set(root, "sys/class/hwmon/hwmon1/curr1_input", "1000"); /* 5 W with nothing to do */
    vb_telemetry_measure_idle(t, 50);
    tree_set(root, "sys/class/hwmon/hwmon1/curr1_input", "1600"); /* 8 W at work */
    run(&trial, t, NULL, NULL);
    ms = trial.frames[3].end_ms - trial.frames[0].start_ms;
    NEAR(trial.energy_j, 8 * ms * 1e-3);
    NEAR(trial.idle_j, 5 * ms * 1e-3);
    NEAR(trial.power_mean_w, 8);
    NEAR(trial.power_max_w, 8);
    NEAR(trial.temperature_max_c, 47.25); /* the GPU's zone, not the hottest */
    NEAR(trial.gpu_clock_mhz, 624.75);
    assert_int_equal(trial.throttled, 0);
    assert_int_equal(trial.unified, 1);
    assert_true(trial.n_telemetry >= 2);
    NEAR(trial.telemetry[1].temperature_max_c, 49.125);
    assert_true(isnan(trial.telemetry[1].memory_clock_mhz) && isnan(trial.telemetry[1].energy_j));
    assert_true(trial.telemetry[1].rss_bytes > 0);
    for (int i = 0; i < trial.n_sensors; i++)
        if (!strcmp(trial.sensors[i].sensor, "VDD_SOC") && !strcmp(trial.sensors[i].kind, "power")) {
            NEAR(trial.sensors[i].mean, 1.488);
            assert_string_equal(trial.sensors[i].unit, "W");
            assert_int_equal(trial.sensors[i].n, trial.n_telemetry);
        }
    vb_trial_deinit(&trial);
    vb_telemetry_close(t);
    tree_remove(root);
}

/* Asking takes a sample: no need to hope for the sampler's. */
static void heat_up(vb_telemetry *t, const char *root)
{
    tree_set(root, "sys/class/thermal/cooling_device1/cur_state", "2");
    assert_int_equal(vb_telemetry_throttle(t), VB_THROTTLE_THERMAL);
    tree_set(root, "sys/class/thermal/cooling_device1/cur_state", "0");
}

static void over_current(vb_telemetry *t, const char *root)
{
    tree_set(root, "sys/class/hwmon/hwmon2/oc2_event_cnt", "1");
    (void)vb_telemetry_throttle(t);
}

static void a_throttle_in_the_middle_marks_the_trial_and_no_other(void **state)
{
    char root[256];
    vb_telemetry *t;
    vb_trial trial;

    (void)state;
    t = open_on_nano(root, (vb_telemetry_config){.device = VB_DEVICE_CUDA, .pci = "", .hz = 100, .alone = true});
    run(&trial, t, heat_up, root);
    assert_int_equal(trial.throttled, 1);
    assert_string_equal(trial.throttle_reasons, "thermal");
    vb_trial_deinit(&trial);
    run(&trial, t, over_current, root);
    assert_int_equal(trial.throttled, 1);
    assert_string_equal(trial.throttle_reasons, "over-current");
    vb_trial_deinit(&trial);
    run(&trial, t, NULL, root); /* the count stays at 1: no new event */
    assert_int_equal(trial.throttled, 0);
    assert_string_equal(trial.throttle_reasons, "");
    vb_trial_deinit(&trial);
    assert_int_equal(vb_telemetry_throttle(t), 0);
    vb_telemetry_close(t);
    tree_remove(root);
}

static void a_gpu_is_told_by_its_own_counters(void **state)
{
    vb_provenance from = {.driver = ""};
    vb_telemetry *t;
    vb_trial trial;
    double ms, by_power;

    (void)state;
    setenv("SAVBENCH_SYSFS_ROOT", "/nonexistent", 1);
    setenv("SAVBENCH_NVML", FAKE_NVML, 1);
    t = open_it((vb_telemetry_config){.device = VB_DEVICE_CUDA, .pci = "0000:65:00.0", .hz = 50, .alone = false});
    vb_telemetry_describe(t, &from);
    assert_string_equal(from.power_source, "nvml");
    assert_string_equal(from.device_uuid, "GPU-0000-1");
    assert_string_equal(from.driver, "570.1");
    assert_string_equal(from.power_mode, "limit 500 W");
    setenv("FAKE_NVML_REASONS", "4", 1); /* at its power limit: said, and no throttling */
    run(&trial, t, NULL, NULL);
    unsetenv("FAKE_NVML_REASONS");
    ms = trial.frames[3].end_ms - trial.frames[0].start_ms;
    by_power = vb_energy_by_power(trial.telemetry, trial.n_telemetry, trial.frames[0].start_ms, trial.frames[3].end_ms);
    NEAR(by_power, 300 * ms * 1e-3);
    assert_true(fabs(trial.energy_j / by_power - 1) < 0.05); /* by the counter */
    assert_true(isnan(trial.idle_j));                        /* never watched */
    for (int i = 1; i < trial.n_telemetry - 1; i++)
        assert_true(isnan(trial.telemetry[i].energy_j)); /* the counter is slow: at both ends alone */
    NEAR(trial.temperature_max_c, 61);
    assert_int_equal(trial.throttled, 0);
    assert_string_equal(trial.throttle_reasons, "power cap");
    assert_int_equal(trial.unified, 0);
    vb_trial_deinit(&trial);
    vb_telemetry_close(t);
}

static void a_gpu_shared_by_engines_gives_no_energy(void **state)
{
    vb_telemetry *t;
    vb_trial trial;

    (void)state;
    setenv("SAVBENCH_SYSFS_ROOT", "/nonexistent", 1);
    setenv("SAVBENCH_NVML", FAKE_NVML, 1);
    for (int alone = 0; alone < 2; alone++) {
        t = open_it((vb_telemetry_config){.device = VB_DEVICE_CUDA, .pci = "0000:65:00.0", .hz = 50, .alone = alone, .shares_gpu = true});
        vb_telemetry_measure_idle(t, 50);
        run(&trial, t, NULL, NULL);
        NEAR(trial.power_mean_w, 300); /* the GPU's, said as such */
        assert_int_equal(!isnan(trial.energy_j), alone); /* the only engine there is shares with none */
        assert_int_equal(!isnan(trial.idle_j), alone);
        vb_trial_deinit(&trial);
        vb_telemetry_close(t);
    }
}

static void a_machine_shared_by_engines_gives_no_energy(void **state)
{
    char root[256];
    vb_telemetry *t;
    vb_trial trial;

    (void)state;
    t = open_on_nano(root, (vb_telemetry_config){.device = VB_DEVICE_CPU, .pci = "", .hz = 100, .alone = false});
    run(&trial, t, NULL, NULL);
    assert_true(isnan(trial.energy_j));
    NEAR(trial.power_mean_w, 8); /* the machine's, said as such */
    vb_trial_deinit(&trial);
    vb_telemetry_close(t);
    tree_remove(root);
}

static void another_gpu_or_no_sensor_tells_nothing(void **state)
{
    vb_telemetry_config c = {.device = VB_DEVICE_CUDA, .pci = "0000:01:00.0", .hz = 100, .alone = true};
    vb_provenance from = {0};
    char root[256];
    vb_trial trial;
    vb_telemetry *t;

    (void)state;
    setenv("SAVBENCH_NVML", FAKE_NVML, 1); /* which has no GPU at 01:00 */
    tree_make(root, "pc");
    setenv("SAVBENCH_SYSFS_ROOT", root, 1);
    for (int i = 0; i < 2; i++) {
        t = open_it(c);
        vb_telemetry_describe(t, &from);
        assert_string_equal(from.power_source, ""); /* the CPU's package is not the GPU */
        run(&trial, t, NULL, NULL);
        assert_true(isnan(trial.energy_j) && isnan(trial.idle_j) && isnan(trial.power_mean_w) && isnan(trial.power_max_w));
        assert_true(isnan(trial.temperature_max_c) && isnan(trial.gpu_clock_mhz));
        assert_int_equal(trial.throttled, -1);
        vb_trial_deinit(&trial);
        vb_telemetry_close(t);
        c.hz = 0; /* and with no sampler at all */
    }
    tree_remove(root);
}

static void two_joules(vb_telemetry *t, const char *root)
{
    (void)t;
    tree_set(root, "sys/class/powercap/intel-rapl:0/energy_uj", "500000");
}

static void a_cpu_counts_joules_over_the_counters_end(void **state)
{
    char root[256];
    vb_telemetry *t;
    vb_trial trial;

    (void)state;
    tree_make(root, "pc");
    setenv("SAVBENCH_SYSFS_ROOT", root, 1);
    tree_set(root, "sys/class/powercap/intel-rapl:0/energy_uj", "9000000");
    tree_set(root, "sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000");
    t = open_it((vb_telemetry_config){.device = VB_DEVICE_CPU, .pci = "", .hz = 100, .alone = true});
    run(&trial, t, two_joules, root); /* 9 J, wrapping at 10 J, to 0.5 J */
    assert_true(fabs(trial.energy_j - 1.5) < 1e-9);
    vb_trial_deinit(&trial);
    vb_telemetry_close(t);
    tree_remove(root);
}

static void energy_is_integrated_to_the_digit(void **state)
{
    vb_telemetry_row r[4];

    (void)state;
    memset(r, 0, sizeof r);
    for (int i = 0; i < 4; i++) {
        r[i].t_ms = 100.0 * i;
        r[i].energy_j = NAN;
        r[i].power_w = 10 + 10.0 * i; /* 10, 20, 30, 40 W */
    }
    NEAR(vb_energy_between(r, 4, 0, 300), 7.5);     /* mean 25 W over 0.3 s */
    NEAR(vb_energy_between(r, 4, 50, 250), 5.0);    /* 15 W to 35 W */
    r[2].power_w = NAN;                             /* a sample that does not tell is stepped over */
    NEAR(vb_energy_between(r, 4, 0, 300), 7.5);
    NEAR(vb_energy_between(r, 4, 300, 400), 4.0);   /* beyond the last sample: its power */
    r[0].energy_j = 0;
    r[3].energy_j = 6;
    NEAR(vb_energy_between(r, 4, 0, 300), 6.0);     /* the counter goes before the integral */
    NEAR(vb_energy_between(r, 4, 100, 200), 2.0);
    r[3].energy_j = NAN;
    NEAR(vb_energy_between(r, 4, 0, 300), 7.5);     /* one reading is no difference */
    assert_true(isnan(vb_energy_between(r, 1, 0, 300)));
    assert_true(isnan(vb_energy_between(r, 0, 0, 300)));
}

static void growth_of_memory_is_per_frame(void **state)
{
    vb_telemetry_row r[11];
    vb_frame_row f[10];
    vb_trial t = {.n_frames = 10, .frames = f, .n_telemetry = 11, .telemetry = r};

    (void)state;
    memset(r, 0, sizeof r);
    memset(f, 0, sizeof f);
    for (int i = 0; i < 11; i++) {
        r[i] = (vb_telemetry_row){.t_ms = 100.0 * i, .power_w = NAN, .energy_j = NAN, .temperature_c = NAN, .gpu_clock_mhz = NAN,
                                  .throttle = -1, .rss_bytes = i < 2 ? 0 : 1e6 + 500.0 * i};
        if (i < 10) {
            f[i].start_ms = 100.0 * i;
            f[i].end_ms = 100.0 * i + 100;
        }
    }
    vb_telemetry_clear(&t);
    vb_telemetry_sum(&t, NAN, true);
    NEAR(t.rss_bytes_per_frame, 500); /* the jump in the first quarter is none */
    assert_true(isnan(t.energy_j));
}

static void a_stop_of_the_clock_takes_its_samples_out(void **state)
{
    char root[256];
    double t0 = vb_now_ms(), end;
    vb_telemetry *t;
    vb_trial trial = {0};
    vb_err err = {0};

    (void)state;
    t = open_on_nano(root, (vb_telemetry_config){.device = VB_DEVICE_CUDA, .pci = "", .hz = 100, .alone = true});
    assert_int_equal(vb_telemetry_begin(t, t0, &err), VB_OK);
    nap(30);
    vb_telemetry_skip(t, 25);
    nap(30);
    assert_int_equal(vb_telemetry_finish(t, &trial, &err), VB_OK);
    end = vb_now_ms() - t0 - 25;
    for (int i = 1; i < trial.n_telemetry; i++)
        assert_true(trial.telemetry[i].t_ms >= trial.telemetry[i - 1].t_ms);
    assert_true(trial.telemetry[trial.n_telemetry - 1].t_ms <= end);
    vb_trial_deinit(&trial);
    vb_telemetry_close(t);
    tree_remove(root);
}

static void a_trial_that_failed_is_sampled_no_more(void **state)
{
    char root[256];
    vb_telemetry *t;
    vb_trial trial = {0};
    vb_err err = {0};

    (void)state;
    t = open_on_nano(root, (vb_telemetry_config){.device = VB_DEVICE_CUDA, .pci = "", .hz = 100, .alone = true});
    assert_int_equal(vb_telemetry_begin(t, vb_now_ms(), &err), VB_OK);
    vb_telemetry_stop(t);
    nap(50);
    assert_int_equal(vb_telemetry_finish(t, &trial, &err), VB_OK);
    assert_int_equal(trial.n_telemetry, 1); /* of begin itself */
    vb_trial_deinit(&trial);
    run(&trial, t, NULL, NULL);
    assert_true(trial.n_telemetry > 2);
    vb_trial_deinit(&trial);
    vb_telemetry_close(t);
    tree_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jetson_gives_power_energy_and_idle),
        cmocka_unit_test(a_throttle_in_the_middle_marks_the_trial_and_no_other),
        cmocka_unit_test(a_gpu_is_told_by_its_own_counters),
        cmocka_unit_test(a_gpu_shared_by_engines_gives_no_energy),
        cmocka_unit_test(a_machine_shared_by_engines_gives_no_energy),
        cmocka_unit_test(another_gpu_or_no_sensor_tells_nothing),
        cmocka_unit_test(a_cpu_counts_joules_over_the_counters_end),
        cmocka_unit_test(energy_is_integrated_to_the_digit),
        cmocka_unit_test(growth_of_memory_is_per_frame),
        cmocka_unit_test(a_stop_of_the_clock_takes_its_samples_out),
        cmocka_unit_test(a_trial_that_failed_is_sampled_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
