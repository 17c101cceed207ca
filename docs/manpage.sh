#!/bin/sh
# manpage.sh SAVBENCH VERSION: the man page on standard output, from the program's own help, which is made from its tables.
set -eu
savbench=$1
version=$2

# Text as roff: backslashes and hyphens, and no line that begins with a control character.
roff() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }

printf '.TH SAVBENCH 1 "" "savbench %s" "User Commands"\n.SH NAME\nsavbench \\- benchmark video segmentation models on SA-V\n' "$version"
printf '.SH SYNOPSIS\n.B savbench\n.I COMMAND\n[options]\n.SH DESCRIPTION\n'
printf 'Tracks the masklets of a data set in SA\\-V layout with EdgeTAM, SAM 2 and SAM 2.1, over dtypes and devices, on one machine or\n'
printf 'many, and records accuracy, times, memory, energy and the attention kernels that ran.\n.SH COMMANDS\n'
"$savbench" --help | sed -n 's/^  \([a-z-]*\) \(.*\)/\1 \2/p' | while read -r name what; do
    printf '.SS %s\n' "$name"
    # The page is of the command line: what only an engine with its libraries can say is left to its --help.
    help=$("$savbench" "$name" --help 2>/dev/null) || help=
    [ "$name" != build-engine ] || help=$(bash "$(dirname "$0")/../scripts/build_engine.sh" --help) # a script that is not installed yet
    case $help in usage:*) ;; *) printf '%s.\n' "$what" | roff; continue ;; esac
    printf '%s\n' "$help" | sed -n '1s/^usage: //p' | roff | sed 's/.*/.B &\n.PP/'
    printf '%s\n' "$help" | sed '1,2d;/^Options:$/,$d' | roff
    printf '%s\n' "$help" | sed '1,/^Options:$/d' | awk '
        /^  -/ { n = match(substr($0, 3), /  +/); head = $0; rest = ""
                 if (n) { head = substr($0, 3, n - 1); rest = substr($0, 2 + n); sub(/^ +/, "", rest) } else sub(/^ +/, "", head)
                 print "@TP"; print "@B " head; if (rest != "") print rest; next }
        { sub(/^ +/, ""); if ($0 != "") print }' | roff | sed 's/^@/./'
done
printf '.SH EXIT STATUS\n0 all done, 1 some trials failed, 2 usage, 3 the run failed, 99 stopped in order: the same command goes on from there.\n'
printf '.SH SEE ALSO\nREADME.md, METRICS.md and docs/ in the documentation folder.\n'
