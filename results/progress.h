/* Progress of the job that writes an output folder: a small file of JSON beside the results, replaced every other second,
 * for `status` and as the supervisor's sign of life. It has a temporary file's name: what a kill leaves of it, recovery
 * removes. Nothing depends on it being written. */
#ifndef VB_PROGRESS_FILE_H
#define VB_PROGRESS_FILE_H

#include "store.h"

void vb_progress_write(vb_store *s, const char *json);
/* Away with it: the job has ended. out_dir: as the store was opened with. */
void vb_progress_remove(const char *out_dir);

/* *json malloc'ed, NULL where no job has left one; *age_s: since it was written. */
vb_status vb_progress_read(char **json, double *age_s, const char *out_dir, vb_err *err);

#endif
