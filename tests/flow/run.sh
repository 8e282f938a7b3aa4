# SPDX-License-Identifier: Apache-2.0
# run: what the trainer's flow tests share. Sourced with LOADERD TRAINER SYNTH as arguments; makes $dir
# with flowers (120 to train on, 24 to test) and recipe.yaml: small, and quick on one core.
loaderd=$1
trainer=$2
AUGSTREAM_LOADERD=$loaderd # for `embedded`
export AUGSTREAM_LOADERD
OMP_NUM_THREADS=1
export OMP_NUM_THREADS

dir=$(mktemp -d)
pids=
trap '[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true; rm -rf "$dir"' EXIT

"$3" --out "$dir/flowers" --train 10 --test 2 --size 40 >/dev/null
cat >"$dir/recipe.yaml" <<END
run: {name: t, dir: $dir/runs}
data: {dataset: flowers, path: $dir/flowers/train, batch: 12, workers: 2}
views: {size: 32, blur: {kernel: 5}}
model: {width: 8}
method: {projector: {dim: 32}, predictor: {dim: 16}}
augself: {crop: 1, color: 1, hidden: 32}
optim: {epochs: 6, base_lr: .2}
device: {threads: 1}
END

fail() {
    echo "$*"
    exit 1
}

# train NAME ARGUMENTS...: a run to its end in $dir/runs/NAME, its words in $dir/NAME.out and .err.
train() {
    name=$1
    shift
    "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/$name" "$@" >"$dir/$name.out" 2>"$dir/$name.err" ||
        { code=$?; cat "$dir/$name.err"; fail "run $name ended with $code"; }
}

# start_loader NAME [KEY: VALUE]: a daemon on ipc://$dir/NAME.sock; its process id in $pid.
start_loader() {
    cat >"$dir/$1.yaml" <<END
listen: [ipc://$dir/$1.sock]
workers: 1
datasets:
  flowers: {path: $dir/flowers/train, format: folder}
${2:-}
END
    "$loaderd" --config "$dir/$1.yaml" 2>"$dir/$1.log" &
    pid=$!
    pids="$pids $pid"
}

# wait_step NAME STEP PID: until the run has done that step; fails when the process ends before.
wait_step() {
    until grep -q "^{\"step\":$2,.*loss" "$dir/runs/$1/metrics.jsonl" 2>/dev/null; do
        kill -0 "$3" 2>/dev/null || { cat "$dir/$1.err"; fail "run $1 never came to step $2"; }
    done
}

# The tensors of a safetensors file, without its header.
data() {
    length=$(od -An -tu8 -N8 "$1")
    tail -c +$((9 + length)) "$1"
}

# same NAME NAME: the two runs ended with the same weights, momenta and statistics, bit for bit.
same() {
    last=$(cd "$dir/runs/$1/checkpoints" && ls | tail -n 1)
    data "$dir/runs/$1/checkpoints/$last" >"$dir/one"
    data "$dir/runs/$2/checkpoints/$last" >"$dir/two"
    [ -s "$dir/one" ]
    cmp "$dir/one" "$dir/two" || fail "runs $1 and $2 differ in $last"
    cmp "$dir/runs/$1/backbone.safetensors" "$dir/runs/$2/backbone.safetensors"
}
