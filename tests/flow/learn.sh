#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# learn: in some hundred steps a method learns something from flowers. Its loss and those of the
# AugSelf heads fall; and for more of the test pictures than before, and than by chance, does the
# nearest training picture show the same kind.
#   learn.sh LOADERD TRAINER SYNTH CASE [SEED]
# SEED (1): of the pictures, of the batches and of the first weights.
set -eu
. "$(dirname "$0")/run.sh"
case=$4
seed=${5:-1}
chance=8.33 # per cent: twelve kinds

# CASE|epochs|loss|rise|settings: the mean loss falls by `loss` at least from the first epoch to the
# last (moco's from the second: the queue begins with random keys, which are easy to tell from a right
# one); the accuracy rises by `rise` points over chance or what the untrained backbone had, whichever
# is more. Above each row what seeds 1, 2, 3 gave: falls, rises.
rows() {
    cat <<'END'
# .49, .43, .47; 16.8, 22.7, 27.7
simsiam|15|.2|8|method.name=simsiam optim.base_lr=1
# .54, .43, .59; 33.0, 25.5, 36.8
simsiam-augself|15|.2|12|method.name=simsiam optim.base_lr=1 augself.crop=1 augself.color=1
# .37, .20, .39; 23.8, 17.3, 19.3
moco|15|.1|8|method.name=moco method.queue.size=512 method.momentum=.9 optim.base_lr=1
# .17, .29, .48; 24.0, 21.8, 20.3
moco-augself|15|.08|10|method.name=moco method.queue.size=512 method.momentum=.9 optim.base_lr=1 augself.crop=1 augself.color=1
# .87, .92, 1.05; 34.0, 50.0, 54.2
simclr|15|.4|16|method.name=simclr optim.base_lr=.3
# 1.17, 1.02, 1.03; 51.8, 40.7, 41.5
simclr-augself|15|.5|20|method.name=simclr optim.base_lr=.3 augself.crop=1 augself.color=1
# .94, .83, .86; 21.8, 27.2, 36.2
byol|30|.4|10|method.name=byol method.predictor.dim=128 method.momentum=.9 optim.base_lr=.3
# 1.10, 1.03, .89; 41.2, 34.0, 30.2
byol-augself|30|.4|15|method.name=byol method.predictor.dim=128 method.momentum=.9 optim.base_lr=.3 augself.crop=1 augself.color=1
# .49, .22, .35; 42.7, 21.2, 11.0
swav|15|.1|5|method.name=swav method.prototypes.count=30 method.prototypes.frozen=20 method.sinkhorn.epsilon=.03 optim.base_lr=.3
# .36, .41, .47; 19.7, 13.7, 15.0
swav-augself|15|.1|6|method.name=swav method.prototypes.count=30 method.prototypes.frozen=20 method.sinkhorn.epsilon=.03 optim.base_lr=.3 augself.crop=1 augself.color=1
# 1.57, 1.51, 1.58; 79.3, 75.3, 77.2
supervised|15|.7|37|method.name=supervised method.classes=12 optim.base_lr=.3
# 1.66, 1.65, 1.68; 78.8, 75.2, 74.5
supervised-augself|15|.8|37|method.name=supervised method.classes=12 optim.base_lr=.3 augself.crop=1 augself.color=1
# .12, .11, .12; 42.0, 25.3, 33.0
augself-only|20|.05|12|augself.only=true augself.crop=1 augself.color=1 optim.base_lr=1
END
}

row=$(rows | grep "^$case|") || fail "there is no case $case"
epochs=$(echo "$row" | cut -d '|' -f 2)
loss_falls=$(echo "$row" | cut -d '|' -f 3)
accuracy_rises=$(echo "$row" | cut -d '|' -f 4)
settings=$(echo "$row" | cut -d '|' -f 5)

"$3" --out "$dir/pictures" --train 100 --test 50 --size 48 --seed "$seed" >/dev/null
cat >"$dir/recipe.yaml" <<END
run: {name: t, dir: $dir/runs, seed: $seed}
data: {dataset: flowers, path: $dir/pictures/train, batch: 64, workers: 1}
views: {size: 32, mean: [.5, .5, .5], std: [.25, .25, .25], blur: {p: .5, sigma: [.1, 1], kernel: 5}}
model: {width: 16}
method: {projector: {layers: 2, hidden: 256, dim: 128}, predictor: {dim: 64}}
augself: {crop: 0, color: 0, hidden: 128}
optim: {epochs: $epochs, base_lr: 1, schedule_unit: step}
knn: {every: $epochs, train: $dir/pictures/train, test: $dir/pictures/test}
checkpoint: {keep: 1}
device: {threads: 1}
END
set --
for setting in $settings; do set -- "$@" --set "$setting"; done
train "$case" "$@"
metrics=$dir/runs/$case/metrics.jsonl

# mean FIELD EPOCH: of a metric over an epoch.
mean() {
    sed -n 's/^{"step":[0-9]*,"epoch":'"$2"',.*"'"$1"'":\([-0-9.e]*\),.*/\1/p' "$metrics" |
        awk '{ sum += $1 } END { if (!NR) exit 1; printf "%.4g", sum / NR }'
}
# falls FIELD EPOCH BY: a metric's mean from that epoch to the last.
falls() {
    before=$(mean "$1" "$2")
    after=$(mean "$1" $((epochs - 1)))
    echo "$case: $1 $before -> $after"
    awk -v a="$before" -v b="$after" -v by="$3" 'BEGIN { exit !(a - b >= by) }' ||
        fail "$case: $1 did not fall by $3: $before, later $after"
}
case $case in moco*) first=1 ;; *) first=0 ;; esac
falls loss $first "$loss_falls"
for head in crop color; do # .030 to .056 and .052 to .081 over all rows and seeds
    case $settings in *"augself.$head=1"*) falls "augself.$head" 0 .015 ;; esac
done

accuracy() {
    sed -n 's/.*"knn_top1":\([0-9.e-]*\).*/\1/p' "$metrics" | sed -n "$1"p | awk '{ print 100 * $1 }'
}
before=$(accuracy 1)
after=$(accuracy 2)
echo "$case: nearest neighbour $before -> $after %"
awk -v a="$before" -v b="$after" -v chance=$chance -v by="$accuracy_rises" \
    'BEGIN { exit !(b - (a > chance ? a : chance) >= by) }' ||
    fail "$case: nearest neighbour did not rise by $accuracy_rises: $before, later $after %"
