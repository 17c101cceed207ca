/* Outcome: what became of an attempt at a trial, as one word: the reason by which attempts are counted and queried.
 *   done, adopted      the result is recorded; adopted: by recovery, from a shard that had no row
 *   error              the model or the program refused, and said why
 *   bad_input          so did a decoder or a check of the video
 *   too_large          by its estimate it does not fit into free memory (workers/memory_guard.h); it was not begun
 *   oom_host, oom_device, cuda
 *   signal, exit       the engine died without a word
 *   hang               it said nothing for too long
 *   refused            what it sent was no valid result
 *   no_start           it never came up; no trial is to blame */
#ifndef VB_OUTCOME_H
#define VB_OUTCOME_H

#include <stdbool.h>

/* Of an error that was told: code as vb_status_name, reason as text (libtorch tells CUDA's out of memory in words only). */
const char *vb_outcome_of_error(const char *code, const char *reason);

/* How often this machine's kernel has killed a process for memory, ever; 0 where it does not say. */
long long vb_outcome_oom_kills(void);

/* Whether the engine's last words hold a Jetson driver's way of being out of memory, "NvMapMemAllocInternalTagged: ... error 12";
 * CUDA's own error is then often another one. */
bool vb_outcome_driver_oom(const char *log);

#endif
