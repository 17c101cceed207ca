#!/bin/sh
# Who may include whom (ARCHITECTURE.md, "Include direction"). Prints each include that goes the wrong way.
# The allowed ones, per folder: folders, or single headers.
cd "$1" || exit 3
status=0

home_of() { # the folder that a header lies in
    for folder in src sched results workers workers/torch workers/cuda; do
        [ -f "$folder/$1" ] && echo "$folder" && return
    done
}

check() { # FILE ALLOWED...
    file=$1
    shift
    for header in $(sed -n 's/^ *#include "\([^"]*\)".*/\1/p' "$file"); do
        home=$(home_of "$header")
        [ -n "$home" ] || continue # made by the build, or beside the file
        for allowed in "$@"; do
            case $allowed in
                "$home" | "$home/$header") continue 2 ;;
            esac
        done
        echo "$file includes $home/$header"
        status=1
    done
}

for file in src/*.[ch]; do
    [ "$file" = src/main.c ] || check "$file" src
done
for file in results/*.[ch]; do check "$file" results src; done
for file in sched/*.[ch]; do check "$file" sched src results/store.h results/shard.h results/progress.h; done
for file in workers/*.[ch]; do
    case $file in
        # ranks: MPI, no torch, no HDF5
        workers/worker.[ch] | workers/run_command.[ch] | workers/outbox.[ch] | workers/child.[ch])
            check "$file" workers src sched results/shard.h ;;
        # the engine's side: no MPI
        *) check "$file" workers src sched/plan.h sched/proto.h sched/control.h results/trial.h results/shard.h ;;
    esac
done
for file in workers/torch/*.?pp; do check "$file" workers/torch src workers/model.h workers/cuda; done
for file in workers/cuda/*.h workers/cuda/*.cu; do check "$file" workers/cuda src; done

# Ranks stay free of torch and HDF5, the engine of MPI.
for file in sched/*.c workers/worker.c workers/run_command.c workers/outbox.c workers/child.c; do
    grep -nHE '#include <(hdf5|ATen|torch)' "$file" && status=1
done
for file in src/*.[ch] results/*.[ch] workers/engine*.c workers/pipeline.c workers/scene.c workers/reader.c workers/scoring.c workers/torch/*.?pp; do
    grep -nH '#include <mpi.h>' "$file" && status=1
done
exit $status
