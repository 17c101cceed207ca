/* When each kernel, copy and fill of a process ran on the device: what kernel_times.py makes its tables of.
 *
 * A library that the CUDA driver loads itself when CUDA_INJECTION64_PATH names it. CUPTI's activity records are kept in memory
 * and written to the file named by VB_KERNEL_TIMES when the process ends; nothing is counted, so no right to profile is
 * needed. Kernels of a CUDA graph have a record each, which costs some of the gaps between them; with VB_KERNEL_GRAPHS=whole
 * a graph is one record and costs next to nothing: that is the way to see whether the device waits for the host.
 *
 * The file: "N <id> <tab> <name>" per name (mangled), "R <start> <end> <stream> <graph> <id>" per record in nanoseconds (graph: 0 for
 * none), "D <n>" for records that CUPTI lost.
 *
 * The declarations below are those of cupti_activity.h (CUDA 12 and 13). Newer releases append members to records, so only the
 * beginnings are read, and a record's length is never needed: CUPTI steps from one to the next. */
#include "cupti_find.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_MEMCPY = 1, KIND_MEMSET = 2, KIND_CONCURRENT_KERNEL = 10, KIND_GRAPH_TRACE = 51 };
enum { FLUSH_FORCED = 1 };
enum { BUFFER_BYTES = 8 << 20, BUFFER_ALIGN = 8, N_BUCKETS = 4096 };

typedef struct { /* the beginning of CUpti_ActivityKernel7 and later */
    uint32_t kind;
    uint8_t sizes[12];
    uint64_t start, end, completed;
    uint32_t device, context, stream;
    uint8_t shape[52];
    const char *name;
    uint8_t queue[44];
    uint32_t graph;
} kernel_record;
_Static_assert(offsetof(kernel_record, start) == 16 && offsetof(kernel_record, stream) == 48, "CUpti_ActivityKernel7");
_Static_assert(offsetof(kernel_record, name) == 104 && offsetof(kernel_record, graph) == 156, "CUpti_ActivityKernel7");

typedef struct { /* of CUpti_ActivityMemcpy4 and CUpti_ActivityMemset3, and later */
    uint32_t kind;
    uint8_t copy_kind, others[3]; /* memcpy alone */
    uint64_t bytes, start, end;
    uint32_t device, context, stream;
    uint8_t more[28];
    uint32_t graph;
} transfer_record;
_Static_assert(offsetof(transfer_record, start) == 16 && offsetof(transfer_record, stream) == 40, "CUpti_ActivityMemcpy4");
_Static_assert(offsetof(transfer_record, graph) == 72, "CUpti_ActivityMemcpy4");

typedef struct { /* of CUpti_ActivityGraphTrace */
    uint32_t kind, correlation;
    uint64_t start, end;
    uint32_t device, graph, context, stream;
} graph_record;
_Static_assert(offsetof(graph_record, graph) == 28 && offsetof(graph_record, stream) == 36, "CUpti_ActivityGraphTrace");

typedef void (*request_fn)(uint8_t **buffer, size_t *size, size_t *max_records);
typedef void (*complete_fn)(void *context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid);

/* Unions, since ISO C has no cast from an object's address to a function's. */
static union { void *object; int (*call)(request_fn, complete_fn); } register_callbacks;
static union { void *object; int (*call)(int kind); } enable;
static union { void *object; int (*call)(uint8_t *buffer, size_t valid, void **record); } next_record;
static union { void *object; int (*call)(void *context, uint32_t stream, size_t *dropped); } count_dropped;
static union { void *object; int (*call)(uint32_t flag); } flush_all;

typedef struct name {
    struct name *next;
    int id;
    char text[];
} name;

typedef struct {
    uint64_t start, end;
    uint32_t stream, graph;
    int name_id;
} activity;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static name *names[N_BUCKETS];
static activity *activities;
static size_t n_activities, capacity, n_lost;
static int n_names;

static int name_id(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    name **bucket, *n;

    for (const char *c = text; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    bucket = &names[hash % N_BUCKETS];
    for (n = *bucket; n && strcmp(n->text, text); n = n->next)
        ;
    if (!n && (n = malloc(sizeof *n + strlen(text) + 1))) {
        strcpy(n->text, text);
        n->id = n_names++;
        n->next = *bucket;
        *bucket = n;
    }
    return n ? n->id : -1;
}

static void keep(uint64_t start, uint64_t end, uint32_t stream, uint32_t graph, const char *text)
{
    if (n_activities == capacity) {
        size_t wanted = capacity ? 2 * capacity : 1 << 16;
        activity *grown = realloc(activities, wanted * sizeof *grown);

        if (!grown) {
            n_lost++;
            return;
        }
        activities = grown;
        capacity = wanted;
    }
    activities[n_activities++] = (activity){start, end, stream, graph, name_id(text)};
}

static void keep_record(const void *record)
{
    static const char *const copies[] = {"copy", "copy, host to device", "copy, device to host"};
    const kernel_record *k = record;
    const transfer_record *t = record;
    const graph_record *g = record;

    switch (k->kind) {
    case KIND_CONCURRENT_KERNEL: keep(k->start, k->end, k->stream, k->graph, k->name ? k->name : "?"); break;
    case KIND_MEMCPY: keep(t->start, t->end, t->stream, t->graph, copies[t->copy_kind < 3 ? t->copy_kind : 0]); break;
    case KIND_MEMSET: keep(t->start, t->end, t->stream, t->graph, "fill"); break;
    case KIND_GRAPH_TRACE: keep(g->start, g->end, g->stream, g->graph, "graph"); break;
    default: break;
    }
}

static void give_buffer(uint8_t **buffer, size_t *size, size_t *max_records)
{
    *buffer = aligned_alloc(BUFFER_ALIGN, BUFFER_BYTES);
    *size = *buffer ? BUFFER_BYTES : 0;
    *max_records = 0; /* as many as fit */
}

static void take_buffer(void *context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid)
{
    void *record = NULL;
    size_t dropped = 0;

    (void)size;
    pthread_mutex_lock(&lock);
    while (buffer && !next_record.call(buffer, valid, &record))
        keep_record(record);
    if (count_dropped.object && !count_dropped.call(context, stream, &dropped))
        n_lost += dropped;
    pthread_mutex_unlock(&lock);
    free(buffer);
}

static void report(void)
{
    const char *path = getenv("VB_KERNEL_TIMES");
    FILE *f;

    flush_all.call(FLUSH_FORCED);
    pthread_mutex_lock(&lock);
    if (n_activities && path && (f = fopen(path, "w"))) { /* a process that launched nothing leaves another's file alone */
        for (int i = 0; i < N_BUCKETS; i++)
            for (const name *n = names[i]; n; n = n->next)
                fprintf(f, "N %d\t%s\n", n->id, n->text);
        for (const activity *a = activities; a < activities + n_activities; a++)
            fprintf(f, "R %" PRIu64 " %" PRIu64 " %u %u %d\n", a->start, a->end, a->stream, a->graph, a->name_id);
        fprintf(f, "D %zu\n", n_lost);
        if (fclose(f))
            fprintf(stderr, "kernel_times: '%s' could not be written\n", path);
    }
    pthread_mutex_unlock(&lock);
}

/* Called by the driver as the process initialises CUDA. */
int InitializeInjection(void);
int InitializeInjection(void)
{
    const char *graphs = getenv("VB_KERNEL_GRAPHS");
    int failed;

    register_callbacks.object = cupti("cuptiActivityRegisterCallbacks");
    enable.object = cupti("cuptiActivityEnable");
    next_record.object = cupti("cuptiActivityGetNextRecord");
    count_dropped.object = cupti("cuptiActivityGetNumDroppedRecords");
    flush_all.object = cupti("cuptiActivityFlushAll");
    failed = !register_callbacks.object || !enable.object || !next_record.object || !flush_all.object ||
             register_callbacks.call(give_buffer, take_buffer) || enable.call(KIND_CONCURRENT_KERNEL) || enable.call(KIND_MEMCPY) ||
             enable.call(KIND_MEMSET) || (graphs && !strcmp(graphs, "whole") && enable.call(KIND_GRAPH_TRACE));
    if (failed)
        fprintf(stderr, "kernel_times: CUPTI cannot be used here; no kernel is timed\n");
    else
        atexit(report); /* after the driver's own handler was set, so that it runs before that one */
    return 1;
}
