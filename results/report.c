/* The report: the view dtype_comparison for people, with what it leaves out said below it. */
#include "report.h"

#include "emit.h"
#include "grid.h"
#include "viewer.h"
#include "text_safe.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The columns of the view that the table shows. */
enum { DEVICE, MODEL, PROMPT, SIZE, MODE, BANK, DTYPE, BASELINE, TRIALS, FAILED, VIDEOS, OBJECTS, JF, JF_DELTA, JF_LOW, JF_HIGH,
       IOU, MEDIAN, P95, FPS, SPEEDUP, SPEEDUP_LOW, SPEEDUP_HIGH, DEVICE_MIB, RSS_MIB, NONFINITE, NOISY };
static const char select_rows[] =
    "SELECT device, model, prompt, image_size, mode, bank_dtype, dtype, baseline, n_trials, n_failed, n_videos, n_objects, jf,"
    " jf_delta, jf_delta_low, jf_delta_high, mask_iou, latency_median_ms, latency_p95_ms, fps, speedup, speedup_low,"
    " speedup_high, peak_device_mib, peak_rss_mib, nonfinite,"
    " (SELECT sum(noisy) FROM noise n WHERE n.tag = c.tag AND n.device = c.device) FROM dtype_comparison c";

static const char *const heads[] = {"model",  "prompt", "size",     "mode", "bank", "dtype",      "J&F %",    "vs float32",
                                    "mask IoU", "median ms", "p95 ms", "FPS", "speed-up", "device MiB", "host MiB", "videos",
                                    "objects", "failed"};
enum { HEADS = sizeof heads / sizeof *heads, HEAD_MODE = 3, HEAD_BANK = 4, HEAD_DEVICE_MIB = 13, HEAD_FAILED = 17 };

static vb_status add(vb_grid *g, bool right, vb_err *err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static vb_status add(vb_grid *g, bool right, vb_err *err, const char *fmt, ...)
{
    char text[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return vb_grid_add(g, text, right, err);
}

/* digits: after the point for values from 10 on; smaller ones get more, large ones none. */
static int number_digits(double v, int digits)
{
    if (digits > 0 && digits < 3)
        digits += v > 0 && v < 1 ? 2 : v > 0 && v < 10 ? 1 : v >= 1000 ? -digits : 0;
    return digits;
}

static vb_status add_number(vb_grid *g, double v, int digits, vb_err *err)
{
    return isnan(v) ? add(g, true, err, "-") : add(g, true, err, "%.*f", number_digits(v, digits), v);
}

/* "12.3 ~": with trials among them whose times are noisy */
static vb_status add_median(vb_grid *g, double v, bool noisy, vb_err *err)
{
    return noisy ? add(g, true, err, "%.*f ~", number_digits(v, 1), v) : add_number(g, v, 1, err);
}

static vb_status add_percent(vb_grid *g, double v, vb_err *err)
{
    return isnan(v) ? add(g, true, err, "-") : add(g, true, err, "%.2f", v);
}

/* "-0.42 [-0.80, -0.04]" */
static vb_status add_delta(vb_grid *g, double v, double low, double high, double scale, vb_err *err)
{
    if (isnan(v))
        return add(g, true, err, "-");
    if (isnan(low))
        return add(g, true, err, "%+.2f", scale * v);
    return add(g, true, err, "%+.2f [%+.2f, %+.2f]", scale * v, scale * low, scale * high);
}

static vb_status add_ratio(vb_grid *g, double v, double low, double high, vb_err *err)
{
    if (isnan(v))
        return add(g, true, err, "-");
    if (isnan(low))
        return add(g, true, err, "%.2fx", v);
    return add(g, true, err, "%.2fx [%.2f, %.2f]", v, low, high);
}

static vb_status add_row(vb_grid *g, sqlite3_stmt *s, vb_err *err)
{
    bool baseline = !strcmp((const char *)sqlite3_column_text(s, DTYPE), "float32");
    vb_status st;

    for (int c = MODEL; c <= DTYPE; c++)
        if ((st = vb_grid_add(g, (const char *)sqlite3_column_text(s, c), c == SIZE, err)))
            return st;
    if ((st = add_percent(g, 100 * vb_db_real(s, JF), err)) ||
        (st = baseline ? add(g, true, err, "baseline")
                       : add_delta(g, vb_db_real(s, JF_DELTA), vb_db_real(s, JF_LOW), vb_db_real(s, JF_HIGH), 100, err)) ||
        (st = add_number(g, vb_db_real(s, IOU), 4, err)) || (st = add_median(g, vb_db_real(s, MEDIAN), sqlite3_column_int64(s, NOISY) > 0, err)) ||
        (st = add_number(g, vb_db_real(s, P95), 1, err)) || (st = add_number(g, vb_db_real(s, FPS), 1, err)) ||
        (st = add_ratio(g, vb_db_real(s, SPEEDUP), vb_db_real(s, SPEEDUP_LOW), vb_db_real(s, SPEEDUP_HIGH), err)) ||
        (st = add_number(g, vb_db_real(s, DEVICE_MIB), 0, err)) || (st = add_number(g, vb_db_real(s, RSS_MIB), 0, err)))
        return st;
    for (int c = VIDEOS; c <= OBJECTS; c++)
        if ((st = add(g, true, err, "%lld", (long long)sqlite3_column_int64(s, c))))
            return st;
    return add(g, true, err, "%lld", (long long)sqlite3_column_int64(s, FAILED));
}

/* One kind of device at a time: its name, then the table. */
static vb_status print_tables(vb_db *db, FILE *to, bool *any, vb_err *err)
{
    char device[256] = "", next[256];
    bool devices = false, failed = false, several_modes = false, several_banks = false;
    char mode[16] = "", bank[16] = "";
    vb_grid *g = NULL;
    sqlite3_stmt *s;
    bool row = true;
    vb_status st = vb_db_query(&s, db, err, select_rows, "");

    *any = false;
    while (st == VB_OK && row) {
        if ((st = vb_db_step(&row, db, s, err)))
            break;
        if (row)
            vb_db_text(next, sizeof next, s, DEVICE);
        if (g && (!row || strcmp(device, next) != 0)) {
            char *name = vb_text_printable(device);

            if (!devices)
                vb_grid_hide(g, HEAD_DEVICE_MIB);
            if (!failed)
                vb_grid_hide(g, HEAD_FAILED);
            if (!several_modes)
                vb_grid_hide(g, HEAD_MODE);
            if (!several_banks)
                vb_grid_hide(g, HEAD_BANK);
            fprintf(to, "%s\n", name ? name : "");
            vb_grid_print(g, "  ", to);
            putc('\n', to);
            free(name);
            vb_grid_free(g);
            g = NULL;
            devices = failed = several_modes = several_banks = false;
        }
        if (!row)
            break;
        if (!g) {
            strcpy(device, next);
            st = vb_grid_create(&g, HEADS, err);
            for (int i = 0; st == VB_OK && i < HEADS; i++)
                st = vb_grid_add(g, heads[i], i == 2 || i > 5, err);
            vb_db_text(mode, sizeof mode, s, MODE);
            vb_db_text(bank, sizeof bank, s, BANK);
            if (st)
                break;
        }
        *any = true;
        devices = devices || sqlite3_column_type(s, DEVICE_MIB) != SQLITE_NULL;
        failed = failed || sqlite3_column_int64(s, FAILED) > 0;
        several_modes = several_modes || strcmp(mode, (const char *)sqlite3_column_text(s, MODE)) != 0 || strcmp(mode, "stream") != 0;
        several_banks = several_banks || strcmp(bank, (const char *)sqlite3_column_text(s, BANK)) != 0 || strcmp(bank, "bfloat16") != 0;
        st = add_row(g, s, err);
    }
    vb_grid_free(g);
    sqlite3_reset(s);
    return st;
}

/* Each row of a statement of one text column as a line: lead, then the text made printable. */
static vb_status print_lines(vb_db *db, const char *sql, const char *lead, FILE *to, vb_err *err)
{
    sqlite3_stmt *s;
    bool row;
    vb_status st = vb_db_query(&s, db, err, sql, "");

    while (st == VB_OK && (st = vb_db_step(&row, db, s, err)) == VB_OK && row) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        char *line = vb_text_printable(text ? text : "");

        if (line)
            fprintf(to, "%s%s\n", lead, line);
        free(line);
    }
    return st;
}

/* "edgetam point 512, float16,bfloat16: flash (memory.cross, memory.self), math (decoder.self)" */
static const char attention_lines[] =
    "SELECT model || ' ' || prompt || ' ' || image_size || ', ' || group_concat(DISTINCT dtype) || ': ' || backends FROM"
    " (SELECT device, tag, group_concat(backend || ' (' || sites || ')', ', ') AS backends FROM"
    "  (SELECT device, tag, backend, group_concat(site, ', ') AS sites FROM"
    "   (SELECT DISTINCT device, tag, backend, site FROM attention_proof ORDER BY device, tag, backend, site)"
    "   GROUP BY device, tag, backend ORDER BY device, tag, backend) GROUP BY device, tag)"
    " JOIN variant USING (tag) GROUP BY device, model, prompt, image_size, backends ORDER BY device, model, prompt, image_size, backends";

/* A variant's name does not say which weights: what ran with several is one row of every table. */
static const char weights_lines[] =
    "SELECT a.model || ': trials with ' || count(DISTINCT t.checkpoint_sha256) || ' different weights, taken together in each variant''s"
    " figures; an --out-dir for each keeps them apart' FROM done t JOIN variant a USING (variant_id)"
    " GROUP BY a.model HAVING count(DISTINCT t.checkpoint_sha256) > 1";

/* A dtype without its float32 sibling: which option adds it. With several devices the trials that are added go to whichever is free,
 * and few meet their siblings; a run of both has all of a video on one device. */
static const char missing_lines[] =
    "SELECT model || ', ' || prompt || ', ' || image_size || ' on ' || device || ': no float32 sibling to compare ' ||"
    " group_concat(dtype, ', ') || ' with; the same command with --dtype float32,' || group_concat(dtype, ',') ||"
    " CASE WHEN (SELECT count(*) FROM device JOIN device_class USING (device_class_id) WHERE label = c.device) > 1"
    "  THEN ' and another --out-dir has both (added here, only videos that come to the device that ran them before would be compared)'"
    "  ELSE ' adds it' END"
    " FROM dtype_comparison c WHERE dtype <> 'float32' AND baseline IS NULL AND n_trials > 0"
    " GROUP BY device, model, prompt, image_size, mode, bank_dtype";

/* Of how many of its videos a variant's difference to float32 is, where not of all. */
static const char paired_lines[] =
    "SELECT tag || ' on ' || device || ': compared with float32 on ' || coalesce(n_paired_videos, 0) || ' of ' || n_videos ||"
    " CASE n_videos WHEN 1 THEN ' video' ELSE ' videos' END || '; the rest has no float32 result of the same device and weights'"
    " FROM dtype_comparison WHERE baseline IS NOT NULL AND coalesce(n_paired_videos, 0) < n_videos";

static const char failure_lines[] =
    "SELECT n || CASE what WHEN 'video' THEN CASE n WHEN 1 THEN ' video' ELSE ' videos' END || ' left out'"
    " ELSE CASE n WHEN 1 THEN ' trial ' ELSE ' trials ' END || status END || ': ' || substr(reason, 1, 200) FROM"
    " (SELECT what, status, coalesce(reason, code, '') AS reason, count(*) AS n FROM failures GROUP BY what, status, 3)"
    " ORDER BY n DESC, reason LIMIT 5";

static const char nonfinite_lines[] =
    "SELECT tag || ' on ' || device || ': ' || nonfinite || ' NaN or Inf among its mask logits' FROM dtype_comparison"
    " WHERE nonfinite > 0";

/* "~ tag on device: 2 of 6 trials are noisy: times spread up to 14 %, drift up to -7 %" */
static const char noise_lines[] =
    "SELECT tag || ' on ' || device || ': ' || sum(noisy) || ' of ' || count(*) || CASE count(*) WHEN 1 THEN ' trial is' ELSE ' trials are' END ||"
    " ' noisy: frame times spread by up to ' || printf('%.0f', 100 * max(latency_spread)) || ' % and drift by up to ' ||"
    " printf('%.0f', 100 * max(abs(latency_drift))) || ' % (view noise)' FROM noise GROUP BY device, tag HAVING sum(noisy) > 0";

static const char deviation_lines[] =
    "SELECT DISTINCT a.tag || ': ' || p.deviation FROM done t JOIN variant a USING (variant_id)"
    " JOIN provenance p USING (provenance_id) WHERE p.deviation <> '' ORDER BY 1";

static vb_status print_notes(vb_db *db, int64_t n_new, FILE *to, vb_err *err)
{
    int64_t failures = 0, pairs = 0;
    vb_status st;

    if ((st = print_lines(db, attention_lines, "attention  ", to, err)) || (st = print_lines(db, deviation_lines, "deviation  ", to, err)) ||
        (st = print_lines(db, weights_lines, "note: ", to, err)) ||
        (st = print_lines(db, nonfinite_lines, "note: ", to, err)) || (st = print_lines(db, noise_lines, "~ ", to, err)) || (st = print_lines(db, missing_lines, "note: ", to, err)) ||
        (st = print_lines(db, paired_lines, "note: ", to, err)) ||
        (st = vb_db_int(&failures, NULL, db, err, "SELECT count(*) FROM failures", "")) ||
        (st = print_lines(db, failure_lines, "not measured: ", to, err)) ||
        (st = vb_db_int(&pairs, NULL, db, err, "SELECT count(*) FROM comparison", "")))
        return st;
    if (failures > 0)
        fprintf(to, "not measured in all: %lld; `savbench export OUT failures` lists them\n", (long long)failures);
    if (pairs > 0)
        fputs("vs float32: paired difference of J&F on the same objects and device, in percent; speed-up: ratio of the paired mean\n"
              "latencies; in brackets the 95 % interval over videos (METRICS.md)\n", to);
    if (n_new > 0)
        fprintf(to, "from the %lld records so far: `savbench finalize OUT` keeps these figures\n", (long long)n_new);
    return VB_OK;
}

vb_status vb_report_dtypes(const char *out_dir, vb_report_format format, FILE *to, vb_err *err)
{
    vb_db *db = NULL;
    int64_t n_new = 0;
    bool any = false;
    sqlite3_stmt *s;
    vb_status st = vb_viewer_open_derived(&db, &n_new, out_dir, err);

    if (st)
        return st;
    if (format != VB_REPORT_TABLE) {
        if ((st = vb_db_query(&s, db, err, "SELECT * FROM dtype_comparison", "")) == VB_OK)
            st = vb_emit(db, s, format, to, err);
        goto out;
    }
    if ((st = print_tables(db, to, &any, err)))
        goto out;
    if (!any)
        fputs("no trial is recorded yet\n", to);
    if ((st = print_notes(db, n_new, to, err)) == VB_OK && (fflush(to) != 0 || ferror(to)))
        st = vb_fail(err, VB_EIO, "writing the report: is the disk full, or the reader gone?");
out:
    vb_db_close(db);
    return st;
}
