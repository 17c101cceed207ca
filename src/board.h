/* Board: what a machine is and how it is set while a program runs: model, power mode, fixed clocks, unified memory.
 * Read from files under a root; "" or -1 where nothing tells. What changes by the second is sensors.h's. */
#ifndef VB_BOARD_H
#define VB_BOARD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    char model[96];      /* "NVIDIA Jetson Orin Nano Developer Kit"; "" on a PC */
    char power_mode[48]; /* nvpmodel's, "15W" or "MODE 2" where its table has no name; "" without nvpmodel */
    int fixed_clocks;    /* 1: GPU and CPU clocks cannot move (jetson_clocks); 0: they can; -1: not told */
    int unified;         /* 1: CPU and GPU share one memory (a Jetson) */
} vb_board;

/* The folder that stands for "/": SAVBENCH_SYSFS_ROOT of the environment (a recorded tree, for tests), else "". */
const char *vb_board_root(void);
void vb_board_read(vb_board *b, const char *root);
/* The processor's name, by which reports tell devices apart: a board's own ("NVIDIA Jetson Orin Nano Developer Kit"), of an Arm server
 * who made which core, elsewhere the model name; "CPU" where nothing tells. */
void vb_board_cpu_name(char *buf, size_t n, const char *root);
/* Likewise of a GPU whose driver calls it name: with the board's where that is a Jetson, since an AGX Orin's and an Orin Nano's are "Orin" both. */
void vb_board_gpu_name(char *buf, size_t n, const char *root, const char *name);
/* For the record: "15W, fixed clocks", "MAXN"; "" where there is no power mode. */
void vb_board_mode_text(char *buf, size_t n, const vb_board *b);

#ifdef __cplusplus
}
#endif

#endif
