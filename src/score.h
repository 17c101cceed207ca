/* J and F of folders of masks, as Meta's SA-V evaluator: `savbench score`.
 *
 * Both layouts: <video>/<obj>/<frame>.png with one object per file (SA-V), and <video>/<frame>.png with label
 * values (DAVIS). The ground truth says which frames and objects count; what the prediction has beyond it is
 * ignored, what it lacks is an error. Source: sam2@2b90b9f sav_dataset/utils/sav_benchmark.py
 *
 * Where it differs from Meta's: an object without ground truth in its scored frames stops theirs with an
 * assertion; here it is reported and left out of the mean. An object's folder is printed as it is named (theirs
 * fills names of under three characters with zeros on the right); label values ascend; 16-bit PNG is refused. */
#ifndef VB_SCORE_H
#define VB_SCORE_H

#include "err.h"

#include <stdbool.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *gt_root, *pred_root;
    const char *csv_path; /* NULL: PRED_ROOT/results.csv, as Meta's */
    int threads;          /* 0: one per core that this process may use */
    bool strict;          /* both roots must hold the same videos; otherwise those in both are scored */
    bool quiet;           /* log gets faults, left-out objects and the CSV's path alone */
    bool score_ends;      /* score the first and last annotated frame too */
} vb_score_options;

typedef struct {
    char *video, *obj_id; /* owned by the summary */
    bool scored;          /* false: no ground truth in the scored frames; j and f are then 0 */
    int n_frames;         /* that counted */
    double j, f;          /* 0..1 */
} vb_object_score;

typedef struct {
    int n_videos, n_objects, n_left_out;
    vb_object_score *objects; /* by video, then object */
    double j, f, jf;          /* means over the scored objects, 0..1 */
    double seconds;
} vb_score_summary;

/* Scores, writes the CSV and prints to log (NULL: nothing). Every faulty object is named in the log; the first
 * one's error is returned, and no CSV is written then. VB_EARG, VB_EIO, VB_EFORMAT, VB_ESHAPE, VB_ENOMEM.
 * out is to be deinited after VB_OK. */
vb_status vb_score_folders(const vb_score_options *opt, FILE *log, vb_score_summary *out, vb_err *err);
void vb_score_summary_deinit(vb_score_summary *s);

/* Meta's CSV text, in percent with one decimal, with ',' or another character between the fields. */
void vb_score_print(FILE *to, const vb_score_summary *s, char separator);
vb_status vb_score_write_csv(const char *path, const vb_score_summary *s, vb_err *err);

/* `savbench score ...`: argv[0] is "score". Returns the exit code of cli.h. */
int vb_score_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
