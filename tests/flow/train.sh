#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train: one command trains from a folder of images. The loss falls, the run folder holds what it should,
# bad images are replaced, counted and named.
#   train.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"

# mean FIELD FIRST LAST FILE: of a metric over those steps.
mean() {
    sed -n 's/^{"step":\([0-9]*\),.*"'"$1"'":\([-0-9.e]*\),.*/\1 \2/p' "$4" |
        awk -v a="$2" -v b="$3" '$1 >= a && $1 <= b { sum += $2; n++ } END { print sum / n }'
}
falls() {
    first=$(mean "$1" 1 10 "$2")
    last=$(mean "$1" 111 120 "$2")
    awk -v a="$first" -v b="$last" -v by="$3" 'BEGIN { exit !(a - b > by) }' ||
        fail "$1 did not fall by $3: $first, later $last"
}

train plain --profile --set guard.every=40 --set optim.epochs=12 --set "knn.train=$dir/flowers/train" --set "knn.test=$dir/flowers/test" \
    --set knn.every=6
run=$dir/runs/plain
falls loss "$run/metrics.jsonl" .1
falls augself.crop "$run/metrics.jsonl" .02
falls augself.color "$run/metrics.jsonl" .02
[ "$(grep -c '"loss"' "$run/metrics.jsonl")" -eq 120 ]
[ "$(grep -c '"knn_top1"' "$run/metrics.jsonl")" -eq 3 ] # at the start, after 6 and 12 epochs
grep -q '^steps   120 of 120' "$dir/plain.out"
grep -q '^knn ' "$dir/plain.out"
# What the heads explain rises; what the features span is told every 40 steps.
awk -v a="$(mean augself.color.r2 1 10 "$run/metrics.jsonl")" \
    -v b="$(mean augself.color.r2 111 120 "$run/metrics.jsonl")" 'BEGIN { exit !(b > a + .1) }' ||
    fail 'augself.color.r2 did not rise'
[ "$(grep -c '"rank"' "$run/metrics.jsonl")" -eq 3 ]
# Where the time went: every phase of every step, and all of it.
[ "$(grep -c '"data_s".*"forward_s".*"augself_s".*"backward_s".*"optim_s"' "$run/metrics.jsonl")" -eq 120 ]
grep -q '^profile 120 steps of ' "$dir/plain.out"
sed -n '/^profile/,$p' "$dir/plain.out" | awk '/%/ { sum += $4 } END { exit !(sum > 99 && sum < 101) }' ||
    fail 'the phases are not the whole'
# TensorBoard's file has weights, and the views of the first batch as a picture.
for tag in train/augself.crop.r2 weights/backbone.conv1.weight views PNG; do
    grep -q -a -F "$tag" "$run"/events.out.tfevents.* || fail "$tag is not in the event file"
done
[ "$(cd "$run" && echo *)" = "$(cd "$run" && echo backbone.safetensors checkpoints events.out.tfevents.* \
    metrics.jsonl recipe.yaml)" ]
[ "$(cd "$run/checkpoints" && echo *)" = "step-00000000.safetensors step-00000110.safetensors \
step-00000120.safetensors" ]

# Resumed, it knows how it had begun; and that the recipe goes further than it was to go now.
cp -r "$run" "$dir/runs/longer"
train longer --resume --steps 125 --set optim.epochs=13 --set "knn.train=$dir/flowers/train" \
    --set "knn.test=$dir/flowers/test" --set knn.every=1
grep -q '^steps   125 of 130 (stopped; --resume goes on)' "$dir/longer.out"
train longer --resume --steps 3 --set optim.epochs=13
grep -q '^steps   125 of 130 (stopped; --resume goes on)' "$dir/longer.out"
train longer --resume --set optim.epochs=13 --set "knn.train=$dir/flowers/train" \
    --set "knn.test=$dir/flowers/test"
[ "$(sed -n 's/^knn.*at the start //p' "$dir/longer.out")" = "$(sed -n 's/^knn.*at the start //p' "$dir/plain.out")" ] ||
    { cat "$dir/plain.out" "$dir/longer.out"; fail 'a resumed run tells another beginning'; }

# recipe.yaml is the whole recipe: the same run again, from nothing else.
"$trainer" "$run/recipe.yaml" --run-dir "$dir/runs/again" >/dev/null 2>"$dir/again.err"
same plain again

# Views of two laws: another run, which its own recipe.yaml gives again.
train asymmetric --steps 20 --set 'views.second={blur: {p: .1}, solarize: {p: .5}, jitter: {brightness: .8}}'
run=$dir/runs/asymmetric
grep -q 'blur:$' "$run/recipe.yaml" && grep -q 'p: inherit$' "$run/recipe.yaml"
"$trainer" "$run/recipe.yaml" --steps 20 --run-dir "$dir/runs/twin" >/dev/null 2>"$dir/twin.err"
same asymmetric twin
train symmetric --steps 20
data "$dir/runs/symmetric/backbone.safetensors" >"$dir/one"
data "$run/backbone.safetensors" >"$dir/two"
! cmp -s "$dir/one" "$dir/two" || fail 'the second view has the law of the first'

# A truncated picture, a text that calls itself one, and files that are none.
pictures=$(find "$dir/flowers/train" -name '*.jpg' | sort | sed -n '5p;60p')
cut=$(echo "$pictures" | sed -n 1p)
text=$(echo "$pictures" | sed -n 2p)
head -c 500 "$cut" >"$dir/cut" && mv "$dir/cut" "$cut"
echo 'I am a flower' >"$text"
echo notes >"$(dirname "$text")/notes.txt"
train bad
grep -q "$(basename "$cut")" "$dir/bad.err" || fail 'the truncated picture is not named'
grep -q "$(basename "$text")" "$dir/bad.err" || fail 'the text is not named'
# each is met once an epoch, six epochs, or replaced a replacement
counted=$(sed -n 's/^data    \([0-9]*\) images substituted.*/\1/p' "$dir/bad.out")
[ "$counted" -ge 6 ] && [ "$counted" -le 14 ] || fail "$counted images substituted"
grep -q '^steps   60 of 60' "$dir/bad.out"

# A queue of more keys than there are images is told, and trains.
train queue --steps 1 --set method.name=moco --set method.queue.size=132
grep -q 'warning: method.queue.size: 132 keys of the 120 images of flowers: ' "$dir/queue.err" ||
    { cat "$dir/queue.err"; fail 'no word of the queue'; }
train queue120 --steps 1 --set method.name=moco --set method.queue.size=120
! grep -q 'queue' "$dir/queue120.err" || { cat "$dir/queue120.err"; fail 'a word about a queue that fits'; }

# Steps of three batches: the last epoch has a batch too few for its last step, and is scored nevertheless.
train thirds --set optim.epochs=2 --set optim.accumulate=3 --set knn.every=1 \
    --set "knn.train=$dir/flowers/train" --set "knn.test=$dir/flowers/test"
[ "$(sed -n 's/^{"step":\([0-9]*\),.*"knn_top1".*/\1/p' "$dir/runs/thirds/metrics.jsonl" | tr '\n' ' ')" = '0 4 6 ' ] ||
    { cat "$dir/runs/thirds/metrics.jsonl"; fail 'an epoch is not scored'; }

# More bad pictures than the recipe allows end the run; what it had learned is kept, and it goes on where more are
# allowed. A loader judges from 100 samples on.
find "$dir/flowers/train" -name '*.jpg' | sort | sed -n '1~6p' | while read -r picture; do echo none >"$picture"; done
rc=0
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/spoilt" --set checkpoint.every=1000 >"$dir/out" 2>"$dir/err" || rc=$?
[ "$rc" -eq 65 ] && grep -q 'more than 0.1 (bad_rate_max)' "$dir/err" || { cat "$dir/err"; fail "code $rc, a sixth bad"; }
step=$(sed -n 's/^augstream-trainer: .*step \([0-9]*\) is kept; --resume .*/\1/p' "$dir/err")
[ -n "$step" ] && [ -f "$dir/runs/spoilt/checkpoints/step-$(printf %08d "$step").safetensors" ] ||
    { cat "$dir/err"; fail 'what was learned is not kept'; }
train spoilt --resume --set data.bad_rate_max=.5
train spared --set data.bad_rate_max=.5
same spoilt spared
