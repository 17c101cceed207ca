/* SA-V val/test on disk: JPEGImages_24fps/<video>/<frame>.jpg, Annotations_6fps/<video>/<obj>/<frame>.png,
 * and a split list of video names.
 *
 * Opening a dataset reads the list; scanning a video reads its folders and image headers, no pixels.
 * A frame's index is the number in its file name. */
#ifndef VB_DATASET_H
#define VB_DATASET_H

#include "mask.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VB_ROOT_MAX 3840 /* a data set's folder with its NUL: every path below it fits PATH_MAX */

typedef struct {
    char obj_id[VB_NAME_MAX]; /* folder name, "000" */
    int n_annotated;
    int *annotated; /* frame indices, ascending, owned */
} vb_masklet;

typedef struct {
    char name[VB_NAME_MAX];
    int h, w;
    int n_frames;
    int *frames; /* frame indices, ascending; a video without gaps has 0 .. n_frames-1 */
    int n_masklets;
    vb_masklet *masklets;         /* by obj_id, ascending */
    int frame_digits, mask_digits; /* file names are the index with zeros up to that many digits */
} vb_video;

typedef struct {
    int limit_videos;    /* 0: all */
    int limit_objects;   /* per video, 0: all */
    int max_clip_frames; /* first N frames, 0: all; annotations beyond them are dropped */
    bool shuffle;        /* seeded order before limit_videos applies */
    uint64_t seed;
} vb_limits;

typedef struct {
    char root[VB_ROOT_MAX];
    char frames_dir[VB_ROOT_MAX + 32], masks_dir[VB_ROOT_MAX + 32];
    int n_videos;
    char (*names)[VB_NAME_MAX]; /* owned; after shuffle and limit */
    vb_limits limits;
} vb_dataset;

/* split_name NULL: the one *.txt in root, or every folder of JPEGImages_24fps when there is none
 * (several: VB_EARG names them). Otherwise the list root/split_name or root/split_name.txt: a video per line;
 * blank lines and lines that begin with '#' do not count. A name that is no plain folder name, or twice in the
 * list, is refused with its line. limits may be NULL. VB_EARG, VB_EIO, VB_EFORMAT, VB_ENOMEM. */
vb_status vb_dataset_open(vb_dataset **out, const char *root, const char *split_name, const vb_limits *limits, vb_err *err);
void vb_dataset_free(vb_dataset *d);

/* Checks everything that headers tell: missing frames (gaps in the numbers), an annotation without a frame,
 * sizes that differ, unreadable files, no masklets. VB_EFORMAT or VB_EIO names video, file and fault.
 * What max_clip_frames and limit_objects leave out is not looked at; an object annotated only beyond the last
 * frame is left out too. Files other than *.jpg and *.png are ignored. */
vb_status vb_video_scan(vb_video **out, const vb_dataset *d, const char *name, vb_err *err);
void vb_video_free(vb_video *v);

/* Paths; buf of n bytes, PATH_MAX is enough. */
void vb_video_frame_path(char *buf, size_t n, const vb_dataset *d, const vb_video *v, int frame_idx);
void vb_video_mask_path(char *buf, size_t n, const vb_dataset *d, const vb_video *v, const vb_masklet *m, int frame_idx);

/* SHA-256 over the sorted list of (video, frame file, size in bytes) and annotations of the split: equal on
 * every node of a cluster, or the nodes do not hold the same data. A folder that is missing is part of the hash,
 * no error. out is 65 bytes of hex. */
vb_status vb_dataset_manifest(char out[65], const vb_dataset *d, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
