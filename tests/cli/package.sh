# What is made from the program's own tables: the man page, which renders without a warning, and completion.
. "$TESTS/lib.sh"
sh "$TESTS/../../docs/manpage.sh" "$BIN/savbench" 0.0 >page.1
for command in run plan report merge slurm devices sync; do grep -q "^.SS $command" page.1 || echo "no section of $command"; done
grep -q '^.B \\-\\-telemetry\\-hz N' page.1 && echo "options are in the page"
if command -v groff >/dev/null; then groff -man -Tutf8 -ww page.1 2>warnings >/dev/null; cat warnings; fi
"$BIN/savbench" completion bash >script
bash -c '. ./script
    complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _savbench; echo "$*: ${COMPREPLY[*]}"; }
    PATH=$BIN:$PATH
    complete_words savbench mer
    complete_words savbench run --dt
    complete_words savbench slurm --gpus'
code "$BIN/savbench" completion fish 2>&1
code "$BIN/savbench" build-engine 2>&1
# An engine whose libtorch is gone: doctor says so and what to do.
printf '#!/bin/sh\necho "engine: error while loading shared libraries: libtorch_cpu.so: cannot open shared object file" >&2\nexit 127\n' >engine
chmod +x engine
code env SAVBENCH_ENGINE="$PWD/engine" "$BIN/savbench" doctor 2>&1 | sed "s|$PWD/||"
