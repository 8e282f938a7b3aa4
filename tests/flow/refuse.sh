#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# refuse: whatever is wrong with a run is one line that names it, the right exit code, and no run folder.
#   refuse.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"

# refused CODE TEXT ARGUMENTS...
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$trainer" "$@" >"$dir/out" 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
    grep -q -- "$text" "$dir/err" || { cat "$dir/err"; fail "does not say '$text': $*"; }
    [ "$(wc -l <"$dir/err")" -eq 1 ] || { cat "$dir/err"; fail "more than one line: $*"; }
    [ ! -s "$dir/out" ] || fail "words on standard output: $*"
    [ ! -e "$dir/runs" ] || fail "a run folder is left: $*"
}
r=$dir/recipe.yaml

# The command line.
refused 64 'one RECIPE.yaml'
refused 64 'one RECIPE.yaml' "$r" "$r"
refused 64 'unrecognized option' "$r" --fast
refused 64 'steps' "$r" --steps none
refused 64 'steps' "$r" --steps 0

# The recipe.
refused 78 'nosuch.yaml' "$dir/nosuch.yaml"
sed 's/^views: {size/views: {sizes/' "$r" >"$dir/unknown.yaml"
refused 78 'unknown.yaml:3:.*views.sizes.*views.size' "$dir/unknown.yaml"
sed 's/batch: 12/batch: 100000/' "$r" >"$dir/range.yaml"
refused 78 'range.yaml:2:.*data.batch' "$dir/range.yaml"
echo 'run: {name: [' >"$dir/broken.yaml"
refused 78 'broken.yaml:' "$dir/broken.yaml"
refused 78 'views.count' "$r" --set views.count=3
refused 78 'views.small.count: 6; simsiam takes no small views' "$r" --set views.small.count=6
sed 's/^method: {/method: {name: moco, queue: {size: 100}, /' "$r" >"$dir/queue.yaml"
refused 78 'queue.yaml:5: method.queue.size: 100 keys are no whole number of batches of 12' "$dir/queue.yaml"
sed 's/^method: {/method: {name: supervised, /' "$r" >"$dir/classes.yaml"
refused 78 'classes.yaml:5: method.classes: supervised needs the number of classes' "$dir/classes.yaml"
sed 's/^method: {/method: {name: supervised, classes: 5, /' "$r" >"$dir/classes5.yaml"
refused 78 'views.blur.kernel' "$r" --set views.blur.kernel=4
# What shows only when the run begins is told with its place as well.
refused 78 '^augstream-trainer: error: --set device.ops: no back end is called "abacus"' "$r" --set device.ops=abacus
sed 's/^device: {/device: {ops: ref, dtype: bf16, /' "$r" >"$dir/bf16.yaml"
refused 78 'bf16.yaml:8: device.dtype: no bf16: the back end ref' "$dir/bf16.yaml"
sed "s|^model: {|model: {weights: $dir/nosuch.safetensors, |" "$r" >"$dir/weights.yaml"
refused 65 "weights.yaml:4: model.weights: $dir/nosuch.safetensors: " "$dir/weights.yaml"
refused 78 'classes5.yaml:5: method.classes: 5; the dataset flowers has 12 classes' "$dir/classes5.yaml"

# The data.
refused 65 "$dir/nosuch" "$r" --set "data.path=$dir/nosuch"
refused 65 "$dir/nosuch" "$r" --set "knn.train=$dir/nosuch" --set "knn.test=$dir/flowers/test"
refused 65 "$r" "$r" --set "data.path=$r"
refused 78 'parquet' "$r" --set data.format=parquet
mkdir -p "$dir/empty" "$dir/single/kind"
refused 65 "$dir/empty" "$r" --set "data.path=$dir/empty"
cp "$(find "$dir/flowers/train" -name '*.jpg' | head -n 1)" "$dir/single/kind/"
refused 65 'recipe.yaml:2: data.batch: .*flowers has 1 sample, one batch needs 12' "$r" --set "data.path=$dir/single"
refused 65 '^augstream-trainer: error: --set data.batch: .*flowers has 120 samples, one batch needs 121' "$r" --set data.batch=121
refused 65 'checkpoint' "$r" --resume

# The loaders.
refused 69 "ipc://$dir/nobody.sock.*0.3 s" "$r" --set "data.loaders=ipc://$dir/nobody.sock" --set data.retry=.3
refused 69 'tcp://127.0.0.1:1' "$r" --set data.loaders=tcp://127.0.0.1:1 --set data.retry=.3
start_loader a
refused 65 "ipc://$dir/a.sock: .*tulips" "$r" --set "data.loaders=ipc://$dir/a.sock" --set data.dataset=tulips

# Two loaders whose data differ.
mkdir "$dir/more"
cp -r "$dir/flowers" "$dir/more/flowers"
rm "$(find "$dir/more/flowers/train" -name '*.jpg' | head -n 1)"
cat >"$dir/b.yaml" <<END
listen: [ipc://$dir/b.sock]
datasets:
  flowers: {path: $dir/more/flowers/train, format: folder}
END
"$loaderd" --config "$dir/b.yaml" 2>"$dir/b.log" &
pids="$pids $!"
refused 65 'is not the one of this run' "$r" --set "data.loaders=['ipc://$dir/a.sock', 'ipc://$dir/b.sock']"

# A folder that has a run; a run of other batches.
AUGSTREAM_LOADERD=/nonexistent/loaderd refused 65 /nonexistent/loaderd "$r"
train t --steps 3
mv "$dir/runs" "$dir/kept"
refused 78 "$dir/kept/t: a run is in there" "$r" --run-dir "$dir/kept/t"
refused 78 "$dir/kept/t: cannot be resumed: .* views: views.flip is 0.5 there, 0.25 here\$" "$r" \
    --run-dir "$dir/kept/t" --resume --set views.flip=.25
for other in optim.base_lr=.1 'views.mean=[.5, .5, .5]' views.std=[1,1,1] optim.schedule=constant optim.accumulate=2 \
    optim.weight_decay=0 augself.color=.5 method.temperature=.3 model.weights=x; do
    refused 78 "$dir/kept/t: cannot be resumed as another experiment: ${other%%=*} is .* there, .* here\$" "$r" \
        --run-dir "$dir/kept/t" --resume --set "$other"
done
refused 78 'another experiment: optim.base_lr is 0.2 there, 0.1 here; optim.momentum is 0.9 there, 0.8 here$' "$r" \
    --run-dir "$dir/kept/t" --resume --set optim.momentum=.8 --set optim.base_lr=.1
refused 78 'another experiment: method.projector.dim is 32 there, 64 here$' "$r" \
    --run-dir "$dir/kept/t" --resume --set method.projector.dim=64 --set method.projector.hidden=32
refused 78 'another experiment: method.name is simsiam there, byol here; ' "$r" \
    --run-dir "$dir/kept/t" --resume --set method.name=byol
# the last byte of the data, turned
checkpoint=$dir/kept/t/checkpoints/step-00000003.safetensors
cp "$checkpoint" "$dir/good"
head -c -1 "$dir/good" >"$checkpoint"
printf "\\$(printf %03o $(($(tail -c 1 "$dir/good" | od -An -tu1) ^ 16)))" >>"$checkpoint"
refused 65 "$checkpoint: is damaged: the CRC-32C" "$r" --run-dir "$dir/kept/t" --resume
cp "$dir/kept/t/backbone.safetensors" "$checkpoint"
refused 65 "$checkpoint: is not a checkpoint of augstream-trainer" "$r" --run-dir "$dir/kept/t" --resume
cp "$dir/good" "$checkpoint"
head -c 1000 "$dir/kept/t/checkpoints/step-00000003.safetensors" >"$dir/cut"
mv "$dir/cut" "$dir/kept/t/checkpoints/step-00000003.safetensors"
refused 65 'step-00000003.safetensors' "$r" --run-dir "$dir/kept/t" --resume
