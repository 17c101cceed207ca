# One video with prompts of our own: masks as files, without overlaps where asked, and what a CPU cannot do refused.
. "$TESTS/lib.sh"
track() { "$BIN/savbench" track --model stub --frames data/JPEGImages_24fps/v064 --device cpu --limit-frames 2 "$@" | sed 's/median [0-9.]* ms/median T/'; }
track --object 1:box:0,0,20,20 --object 2:box:0,0,30,20 --masks free
track --object 1:box:0,0,20,20 --object 2:box:0,0,30,20 --masks apart --non-overlap --objects separate
track --object 2:box:21,0,30,20 --masks rest
cmp free/1/00001.png apart/1/00001.png && cmp apart/2/00001.png rest/2/00001.png && echo "the second object has what the first one leaves"
cmp -s free/2/00001.png rest/2/00001.png || echo "else they overlap"
track --object '1:point:20,20,1;22,20,0' --masks clicks --fill-hole-area 8 --sprinkle-area 8 --postprocess off
track --object 1:box:0,0,20,20 --fill-hole-area 8 --postprocess cpu
track --object 1:box:0,0,20,20 --dump case.h5
[ -s case.h5 ] && echo "a model without a checkpoint has a dump too"
code "$BIN/savbench" track --model stub --frames data/JPEGImages_24fps/v064 --object 1:box:0,0,9,9 --device cpu --sprinkle-area 8 --postprocess cuda
grep -c 'track: --postprocess cuda: .*--postprocess auto' log
code "$BIN/savbench" track --model stub --frames data/JPEGImages_24fps/v064 --object 1:box:0,0,9,9 --clicks 3
grep -c 'clicks' log
