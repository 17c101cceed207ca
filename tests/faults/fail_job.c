/* For the ranks of a job and their engines, by LD_PRELOAD: SAVBENCH_FAIL=KIND:AT:EVER:RANK:PROGRAM has that call of that kind
 * (fail.h) fail in the program of that name beside that rank, on its first thread. With SAVBENCH_FAIL_COUNT=FILE the calls until
 * its end are written there. */
#include "fail.h"

#include <mpi.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void end(void)
{
    const char *file = getenv("SAVBENCH_FAIL_COUNT");
    long calls = fail_end();
    FILE *f = file ? fopen(file, "w") : NULL;

    if (f) {
        fprintf(f, "%ld\n", calls);
        fclose(f);
    }
}

__attribute__((constructor)) static void begin(void)
{
    const char *told = getenv("SAVBENCH_FAIL"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    char program[64];
    int kind, ever, of_rank;
    long at;

    if (!told || !rank || sscanf(told, "%d:%ld:%d:%d:%63s", &kind, &at, &ever, &of_rank, program) != 5 || atoi(rank) != of_rank ||
        strcmp(program, program_invocation_short_name))
        return;
    fail_at_exit(end);
    fail_begin((fail_kind)kind, at, ever);
}

static bool last; /* the job's end has been reached */

#define CALL(kind, name, parameters, arguments)                                          \
    int name parameters                                                                  \
    {                                                                                    \
        return fail_now(kind) ? MPI_ERR_OTHER : P##name arguments;                       \
    }
CALL(FAIL_MPI, MPI_Isend, (const void *bytes, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *r),
     (bytes, n, type, to, tag, comm, r))
CALL(FAIL_MPI, MPI_Improbe, (int from, int tag, MPI_Comm comm, int *there, MPI_Message *m, MPI_Status *s), (from, tag, comm, there, m, s))
CALL(FAIL_MPI, MPI_Imrecv, (void *bytes, int n, MPI_Datatype type, MPI_Message *m, MPI_Request *r), (bytes, n, type, m, r))
int MPI_Ibarrier(MPI_Comm comm, MPI_Request *r)
{
    last = true;
    return fail_now(FAIL_MPI_END) ? MPI_ERR_OTHER : PMPI_Ibarrier(comm, r);
}
CALL(last ? FAIL_MPI_END : FAIL_MPI, MPI_Test, (MPI_Request *r, int *done, MPI_Status *s), (r, done, s))
CALL(FAIL_MPI, MPI_Allgather, (const void *from, int n, MPI_Datatype type, void *to, int m, MPI_Datatype into, MPI_Comm comm),
     (from, n, type, to, m, into, comm))
