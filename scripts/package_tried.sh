# What scripts/package_check.sh tries within the clean root; /try has savbench.deb, a clip and weights. ENGINE: /opt/site has a torch.
export DEBIAN_FRONTEND=noninteractive OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
cd /try || exit 1
failed=0
wrong() {
    echo "   wrong: $*"
    failed=1
}
has() { # TEXT FILE: must be in it
    grep -qF -- "$1" "$2" || { wrong "'$1' is not in what was printed:" && head -n 20 "$2"; }
}
apt() { apt-get -qq "$@" > /try/apt.log 2>&1 < /dev/null || { tail -n 10 /try/apt.log; exit 1; }; }

echo "== install"
apt update
! dpkg -s savbench > /dev/null 2>&1 || apt purge -y savbench # of an earlier try
apt install -y --no-install-recommends /try/savbench.deb
dpkg-query -W -f '   ${Package} ${Version} ${Status}\n   depends on ${Depends}\n' savbench
missing=$(ldd /usr/bin/savbench /usr/bin/savbench-engine | grep 'not found')
[ -z "$missing" ] || wrong "libraries: $missing"

echo "== doctor"
savbench doctor > doctor 2>&1
[ $? -eq 1 ] || wrong "doctor does not end with 1, as it does where something is lacking" # libtorch and checkpoints are
sed 's/^/   /' doctor
has "build-engine" doctor
has "none in 'checkpoints'" doctor

echo "== a run on the stub"
rm -rf out
savbench run --split-dir data --models stub --prompts box --image-size 256 --dtype float32,bfloat16 --max-clip-frames 6 --workers 2 --out-dir out > run 2>&1 ||
    wrong "run ends with $?"
has "2 trials, 2 done, 0 failed" run
savbench report out > report 2>&1 && has "bfloat16" report

echo "== man page"
apt install -y --no-install-recommends man-db
MANWIDTH=100 man --warnings=w savbench > page 2> warnings || wrong "man ends with $?"
[ ! -s warnings ] || { wrong "warnings" && head -n 5 warnings; }
for text in "savbench - benchmark video segmentation" "--telemetry-hz N" "--python PYTHON" "EXIT STATUS"; do has "$text" page; done
grep -n '^ \{0,1\}-[A-Z]' page && wrong "an option that is no option"
echo "   $(wc -l < page) lines"

echo "== completion"
apt install -y --no-install-recommends bash-completion
cat > complete.bash << 'TEXT'
. /usr/share/bash-completion/bash_completion
_completion_loader savbench
complete -p savbench || exit 1
line() { # WORDS...: what Tab offers after them
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMPREPLY=()
    "$(complete -p savbench | sed 's/.*-F \([^ ]*\).*/\1/')" savbench "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "$*: ${COMPREPLY[*]}"
}
line savbench fin
line savbench run --telem
line savbench slurm --gpus-p
TEXT
bash complete.bash > completed 2>&1 || wrong "completion is not loaded"
sed 's/^/   /' completed
for text in "savbench fin: finalize" "savbench run --telem: --telemetry-hz" "savbench slurm --gpus-p: --gpus-per-node"; do has "$text" completed; done

echo "== build-engine"
if [ -z "${ENGINE:-}" ]; then
    savbench build-engine > engine 2>&1
    [ $? -eq 2 ] || wrong "build-engine does not end with 2"
    sed 's/^/   /' engine
    has "apt-get install" engine
else
    apt install -y --no-install-recommends python3 $(dpkg-query -W -f '${Suggests}' savbench | tr -d ,)
    savbench build-engine > engine 2>&1 && wrong "it takes a Python without torch"
    has "no torch in 'python3'" engine
    export PYTHONPATH=/opt/site
    savbench build-engine > engine 2>&1 || { wrong "build-engine ends with $?" && tail -n 20 engine; }
    tail -n 2 engine | sed 's/^/   /'
    savbench doctor > doctor 2>&1
    sed -n 's/^/   /;1,6p' doctor
    has "$(savbench --version | cut -d ' ' -f 3)" doctor # the engine is of the package's revision
    rm -rf out2
    savbench run --split-dir data --models edgetam --prompts point --image-size 512 --checkpoint edgetam_shapes.pt --dtype float32 --max-clip-frames 13 \
        --device cpu --workers 1 --out-dir out2 > run 2>&1 || wrong "run ends with $?"
    has "1 trials, 1 done, 0 failed" run
    savbench query out2 "SELECT tag, n_frames, round(jf, 3) AS jf, CASE WHEN jf > 0.8 THEN 'as the demo' ELSE 'too low' END AS is_it FROM record" > jf 2>&1
    sed 's/^/   /' jf
    has "as the demo" jf
fi

echo "== removal"
apt purge -y savbench
left=$(find /usr -name '*savbench*' -not -path '*/proc/*' 2> /dev/null)
[ -z "$left" ] || wrong "left behind: $left"
[ "$failed" -eq 0 ] && echo "The package is right."
exit "$failed"
