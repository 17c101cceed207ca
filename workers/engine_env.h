/* What an engine knows of its surroundings: how many engines share the host, cores, resident memory. */
#ifndef VB_ENGINE_ENV_H
#define VB_ENGINE_ENV_H

#include "model.h"
#include "options.h"

#include <stdint.h>

/* Engines on this host and this one's place among them: VB_LOCAL_SIZE and VB_LOCAL_RANK of the environment, set by the
 * worker; 1 and 0 without. */
int vb_local_size(void);
int vb_local_rank(void);

/* CPU threads for one engine: the cores that this process may use, shared out; at least 1. */
int vb_default_threads(void);

/* --device: "auto", "cpu", "cuda", "cuda:N". auto and cuda take the device of the local rank; auto without a GPU in
 * build or machine is the CPU. VB_EARG where what is asked for is not there. */
vb_status vb_device_choose(vb_device *out, const char *word, vb_err *err);

/* The record's word for what fills holes and removes sprinkles: "cuda", "cpu", "off" (where neither is wanted). VB_EARG
 * where CUDA was asked for by name and the device or build has no kernel; starts CUDA. */
#define VB_POSTPROCESS_NAME 16
vb_status vb_postprocess_choose(char which[VB_POSTPROCESS_NAME], vb_postprocess asked, bool wanted, vb_device device, vb_err *err);

/* The device of one engine among several: the local rank's own of --devices (default: every visible one), --ranks-per-device
 * engines to each. VB_EARG where there are more engines than that, or a device that is not there. */
vb_status vb_device_pick(int *index, const vb_options *o, int n_visible, int rank, int size, vb_err *err); /* the choice itself */
vb_status vb_device_assign(vb_device *out, const vb_options *o, vb_err *err);

/* The device's name as every record has it: the GPU's, or the processor's model name. */
void vb_device_name(char *buf, size_t n, vb_device device);

/* An engine on the CPU may allocate as much as the host has, no more: what a picture or a trial claims beyond that is an error of
 * the trial by name, and not the kernel's killing of whichever process it likes. Not on CUDA, whose driver reserves addresses
 * without end, nor under sanitizers, which do so too. Time is bounded by the worker, which kills an engine without progress. */
void vb_limit_memory(vb_device device);

/* Peak resident set since the last reset (-1: not told by this kernel). */
int64_t vb_peak_rss_bytes(void);
/* What is resident now and no file's page, which the kernel counts as available while it is mapped too. -1: not told. */
int64_t vb_own_bytes(void);
void vb_reset_peak_rss(void);

#endif
