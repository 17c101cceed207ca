# `savbench run` alone starts mpirun; within a Slurm batch script as well; without mpirun or engine it says what to do.
. "$TESTS/lib.sh"
code "$BIN/savbench" run $STUB --workers 2
trials
rm -rf out
SLURM_PROCID=0 SLURM_JOB_ID=7 SLURM_NTASKS=4 code "$BIN/savbench" run $STUB --quiet
trials
PATH=/nowhere code "$BIN/savbench" run $STUB 2>&1
SAVBENCH_ENGINE=/nowhere/savbench-engine code "$BIN/savbench" run $STUB 2>&1
code "$BIN/savbench" run --models stub 2>/dev/null
none_left && echo "no process left"
