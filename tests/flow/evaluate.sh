#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# evaluate: every verb on a small set with a backbone that was drawn and never trained, from the images to the scores
# and their JSON; and what is wrong with what they are given is told in one line, with its exit code.
#   evaluate.sh LOADERD TRAINER SYNTH EVALUATE
set -eu
evaluate=$4
. "$(dirname "$0")/run.sh"
r=$dir/recipe.yaml
train one --steps 1
backbone=$dir/runs/one/checkpoints/step-00000000.safetensors # before the first step

# set.csv: train 72, val 48, test 24 of the flowers' twelve classes; the box is where the class says.
python3 - "$dir" <<'EOF2'
import csv, os, sys

root = sys.argv[1]
with open(f"{root}/set.csv", "w", newline="") as f:
    out = csv.writer(f)
    out.writerow(["path", "label", "split", "x", "y", "w", "h"])
    for folder in "train", "test":
        for number, label in enumerate(sorted(os.listdir(f"{root}/flowers/{folder}"))):
            for i, name in enumerate(sorted(os.listdir(f"{root}/flowers/{folder}/{label}"))):
                split = "test" if folder == "test" else "train" if i < 6 else "val"
                out.writerow([f"flowers/{folder}/{label}/{name}", label, split, 1 + number, 2, 10, 12 + number])
EOF2

# ok VERB ARGUMENTS...: it ends well; its lines in $dir/out, its JSON, which Python has read, in $dir/json.
ok() {
    rm -f "$dir/json"
    "$evaluate" "$@" --json "$dir/json" >"$dir/out" 2>"$dir/err" || { code=$?; cat "$dir/err"; fail "code $code: $*"; }
    python3 - "$dir/json" "$1" "$dir/out" <<'EOF2'
import json, math, re, sys

path, verb, out = sys.argv[1:]
told = json.load(open(path), parse_constant=lambda name: sys.exit(f"{path}: {name} is no JSON"))
assert told["verb"] == verb, told["verb"]
assert told["scores"], "no scores"
lines = open(out).read().splitlines()
for score in told["scores"]:
    assert set(score) == {"name", "value", "plus_minus", "unit"}, score
    assert re.fullmatch("[a-z0-9_.@-]+", score["name"]), score
    assert math.isfinite(score["value"]), score
    assert any(line.startswith(score["name"] + " ") for line in lines), f"{score} is in the JSON and not printed"
    if score["unit"] == "%":
        assert 0 <= score["value"] <= 100, score
EOF2
}

# is NAME LOW HIGH: the last verb's score of that name is between the two.
is() {
    python3 - "$dir/json" "$@" <<'EOF2' || { cat "$dir/out"; fail "$1 is not between $2 and $3"; }
import json, sys

path, name, low, high = sys.argv[1:]
values = [s["value"] for s in json.load(open(path))["scores"] if s["name"] == name]
sys.exit(not (len(values) == 1 and float(low) <= values[0] <= float(high)))
EOF2
}

# refused CODE TEXT VERB ARGUMENTS...
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$evaluate" "$@" >"$dir/out" 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/out" "$dir/err"; fail "code $rc, expected $code: $*"; }
    grep -q -- "$text" "$dir/err" || { cat "$dir/err"; fail "does not say '$text': $*"; }
    [ "$(grep -c 'error: ' "$dir/err")" -eq 1 ] || { cat "$dir/err"; fail "more than one error: $*"; }
    [ ! -s "$dir/out" ] || { cat "$dir/out"; fail "says something as well: $*"; }
}

# --- features: of each split, by manifest and by folders ---
for split in train val test; do
    ok features "$r" --backbone "$backbone" --images "$dir/set.csv:$split" --out "$dir/$split.safetensors"
done
is images 24 24
is features 64 64
is classes 12 12
train=$dir/train.safetensors
val=$dir/val.safetensors
test=$dir/test.safetensors

# made NAME FROM CODE: a features file made of another by Python: x, labels, samples, boxes are lists, meta a dict.
made() {
    python3 - "$dir/$1.safetensors" "$2" "$3" <<'EOF2'
import json, math, struct, sys

to, path, code = sys.argv[1:]
data = open(path, "rb").read()
(n,) = struct.unpack_from("<Q", data)
header = json.loads(data[8:8 + n])
meta = header.pop("__metadata__", {})
kinds = {"F32": "f", "I64": "q"}


def tensor(name):
    t = header[name]
    low, high = t["data_offsets"]
    kind = kinds[t["dtype"]]
    return list(struct.unpack(f"<{(high - low) // struct.calcsize(kind)}{kind}", data[8 + n + low:8 + n + high]))


d = header["features"]["shape"][1]
flat = tensor("features")
x = [flat[i:i + d] for i in range(0, len(flat), d)]
labels, samples = tensor("labels"), tensor("samples")
boxes = None
if "boxes" in header:
    flat = tensor("boxes")
    boxes = [flat[i:i + 4] for i in range(0, len(flat), 4)]
exec(code)
parts = {"features": ("F32", [len(x), len(x[0])], "f", [v for row in x for v in row]),
         "labels": ("I64", [len(labels)], "q", labels), "samples": ("I64", [len(samples)], "q", samples)}
if boxes is not None:
    parts["boxes"] = ("F32", [len(boxes), 4], "f", [v for row in boxes for v in row])
header, blob = {"__metadata__": meta}, b""
for name, (dtype, shape, kind, values) in parts.items():
    raw = struct.pack(f"<{len(values)}{kind}", *values)
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(blob), len(blob) + len(raw)]}
    blob += raw
head = json.dumps(header).encode()
head += b" " * (-len(head) % 8)
open(to, "wb").write(struct.pack("<Q", len(head)) + head + blob)
EOF2
}
made copy "$test" 'pass'
made nan "$train" 'x[3][5] = math.nan'
made inf "$train" 'x[0][0] = -math.inf'
made narrow "$test" 'x = [row[:-1] for row in x]'
# each class is a place of its own: what any score must find
made clear_train "$train" 'x = [[10.0 * (l == k) + .01 * i for k in range(d)] for i, l in enumerate(labels)]'
made clear_val "$val" 'x = [[10.0 * (l == k) - .01 * i for k in range(d)] for i, l in enumerate(labels)]'
made clear_test "$test" 'x = [[10.0 * (l == k) for k in range(d)] for l in labels]'
made one_class "$train" 'labels = [0] * len(labels); meta["classes"] = "12"'
made far "$train" 'x[2][1] = 1e30'
made unlabelled "$train" 'labels[4] = -1'

# --- knn ---
ok knn --train "$train" --test "$test"
is queries 24 24
is bank 72 72
ok knn "$r" --backbone "$backbone" --train "$dir/set.csv:train" --test "$dir/set.csv:test"
cp "$dir/json" "$dir/knn.json"
ok knn --train "$train" --test "$test"
cmp "$dir/json" "$dir/knn.json" || fail 'images and their features score differently'
ok knn --train "$train" --test "$dir/copy.safetensors"
cmp "$dir/json" "$dir/knn.json" || fail 'a file that Python wrote scores differently'
ok knn --train "$train" --test "$train"
is knn_1 100 100
ok knn --train "$dir/clear_train.safetensors" --test "$dir/clear_test.safetensors"
is knn_1 100 100

# --- retrieve ---
ok retrieve --bank "$train" --queries "$test" --k 3
is queries 24 24
is precision_1 0 100
is precision_3 0 100
ok retrieve --bank "$dir/clear_train.safetensors" --queries "$dir/clear_test.safetensors" --k 6
for k in 1 5 6; do is precision_$k 100 100; done
ok retrieve --bank "$dir/clear_train.safetensors" --queries "$dir/clear_train.safetensors" --k 6
is precision_5 100 100 # five others of its class
is precision_6 83.3 83.4
ok retrieve "$r" --backbone "$backbone" --bank "$dir/set.csv:train" --queries "$dir/set.csv:test" --k 3 --out "$dir/found"
grep -q '</html>' "$dir/found/index.html" || fail 'no page of neighbours'
head -c 8 "$dir/found/sheet.png" | od -An -tx1 | grep -q '89 50 4e 47 0d 0a 1a 0a' || fail 'no sheet of neighbours'

# --- mutual: pictures out of batches are those that features --views keeps ---
critic='--batch 16 --bins 4 --hidden 32 --out 16 --steps 20 --seeds 1'
ok features "$r" --backbone "$backbone" --images "$dir/set.csv:train" --views --out "$dir/seen.safetensors"
# shellcheck disable=SC2086
ok mutual --images "$dir/seen.safetensors" $critic
cp "$dir/json" "$dir/mutual.json"
is mutual_information -1 2.7726
# shellcheck disable=SC2086
ok mutual "$r" --backbone "$backbone" --images "$dir/set.csv:train" $critic
cmp "$dir/json" "$dir/mutual.json" || fail 'images and their views give other bounds'

# --- manifest: class folders as they lie, a fifth of train drawn for val, and read by a loader ---
"$evaluate" manifest folders "$dir/flowers" --out "$dir/flowers/m.csv" >"$dir/out" 2>"$dir/err"
grep -q 'folders: 144 images of 12 classes: train 96, test 24, val 24$' "$dir/err" || { cat "$dir/err"; fail 'manifest'; }
head -n 1 "$dir/flowers/m.csv" | grep -q -x 'path,label,split'
grep -q '^train/' "$dir/flowers/m.csv" || fail 'paths are not relative where the manifest lies in the set'
"$evaluate" manifest folders "$dir/flowers" >"$dir/m.csv" 2>"$dir/err"
grep -q "^$dir/flowers/train/" "$dir/m.csv" || fail 'paths are not absolute on standard output'
ok features "$r" --backbone "$backbone" --images "$dir/flowers/m.csv:val" --out "$dir/drawn.safetensors"
is images 24 24
is classes 12 12
refused 64 "no set is called 'flowers'; manifest --list" manifest flowers "$dir/flowers"
refused 64 'manifest needs NAME and ROOT' manifest folders
refused 65 "$dir/nosuch: No such file" manifest folders "$dir/nosuch"
refused 65 "$dir/runs/data/variants.txt: No such file" manifest aircraft "$dir/runs"

# --- fewshot: five shots leave one query of six images, 16 times ---
ok fewshot --images "$train" --episodes 40
is classes_1shot 12 12
is classes_5shot 12 12
ok fewshot --images "$train" --episodes 40 --shots 5 --episodes-out "$dir/episodes"
[ "$(wc -l <"$dir/episodes")" -eq 40 ] || fail 'not a line for each episode'
cp "$dir/json" "$dir/fewshot.json"
cp "$dir/episodes" "$dir/episodes.first"
export OMP_NUM_THREADS=1
ok fewshot "$r" --backbone "$backbone" --images "$dir/set.csv:train" --episodes 40 --shots 5 --episodes-out "$dir/episodes"
unset OMP_NUM_THREADS
cmp "$dir/json" "$dir/fewshot.json" || fail 'one thread, or images in place of their features, scores differently'
cmp "$dir/episodes" "$dir/episodes.first" || fail 'the episodes are others'
ok fewshot --images "$dir/clear_train.safetensors" --episodes 40 --shots 1,5
is fewshot_5way_1shot 100 100
is fewshot_5way_5shot 100 100
refused 65 'train.safetensors: no class has more than 6 images, which 6 shots need: the largest has 6' \
    fewshot --images "$train" --shots 6
refused 65 'train.safetensors: 12 classes have more than 1 images (0 have fewer): too few for 13 ways' \
    fewshot --images "$train" --ways 13
refused 65 'one_class.safetensors: 1 classes have more than 1 images' fewshot --images "$dir/one_class.safetensors"
refused 65 'unlabelled.safetensors: row 4 ' fewshot --images "$dir/unlabelled.safetensors"
refused 65 'nan.safetensors: row 3, column 5 of features is nan' fewshot --images "$dir/nan.safetensors"

# --- localize: the class is a place of its own among the features, and the box follows the class ---
place='boxes = [[.05 * l, .1, .3, .05 + .03 * l] for l in labels]'
for split in train val test; do
    made "boxed_$split" "$dir/clear_$split.safetensors" "$place"
done
ok localize --train "$dir/boxed_train.safetensors" --val "$dir/boxed_val.safetensors" --test "$dir/boxed_test.safetensors"
is l2_error 0 1e-6
is mean_iou .99 1
made boxed_outside "$dir/boxed_train.safetensors" 'boxes[7][2] = 1.0'
made boxless "$test" 'boxes = None'
ok localize --train "$train" --val "$val" --test "$test"
is test 24 24
cp "$dir/json" "$dir/localize.json"
ok localize "$r" --backbone "$backbone" --train "$dir/set.csv:train" --val "$dir/set.csv:val" --test "$dir/set.csv:test"
cmp "$dir/json" "$dir/localize.json" || fail 'images with boxes and their features score differently'
ok features "$r" --backbone "$backbone" --images "$dir/set.csv:test" --views --out "$dir/seen.safetensors"
ok localize --train "$train" --val "$val" --test "$dir/seen.safetensors" --picture "$dir/boxes.png"
cmp "$dir/json" "$dir/localize.json" || fail 'the picture changes the score'
head -c 8 "$dir/boxes.png" | grep -q PNG || fail 'boxes.png is no picture'
refused 65 'boxed_outside.safetensors: row 7: box x ' \
    localize --train "$dir/boxed_outside.safetensors" --test "$dir/boxed_test.safetensors"
refused 65 'boxless.safetensors: holds no boxes' \
    localize --train "$dir/boxed_train.safetensors" --test "$dir/boxless.safetensors"
refused 65 'boxed_test.safetensors: holds no pictures' localize --train "$dir/boxed_train.safetensors" \
    --test "$dir/boxed_test.safetensors" --picture "$dir/boxes.png"

# --- linear: the whole protocol ---
ok linear --train "$train" --val "$val" --test "$test" --sweep-out "$dir/sweep.csv"
is linear_top1 0 100
[ "$(grep -c '^[0-9]' "$dir/sweep.csv")" -eq 45 ] || { cat "$dir/sweep.csv"; fail 'not 45 values of w'; }
cp "$dir/json" "$dir/linear.json"
ok linear "$r" --backbone "$backbone" --train "$dir/set.csv:train" --val "$dir/set.csv:val" --test "$dir/set.csv:test"
cmp "$dir/json" "$dir/linear.json" || fail 'images and their features score differently'
for metric in top1 mean-per-class; do
    ok linear --fast --metric $metric --train "$dir/clear_train.safetensors" --val "$dir/clear_val.safetensors" \
        --test "$dir/clear_test.safetensors"
    is "linear_fast_$(echo $metric | tr - _)" 100 100
done

# --- mutual: a bound that no critic takes above log of the rows that are told apart ---
for split in train test; do
    ok features "$r" --backbone "$backbone" --images "$dir/flowers:$split" --views --out "$dir/views_$split.safetensors"
done
small='--batch 16 --hidden 16 --out 8 --steps 20 --seeds 2 --bins 4'
ok mutual --images "$dir/views_train.safetensors" --test "$dir/views_test.safetensors" $small
cp "$dir/json" "$dir/mutual.json"
ok mutual "$r" --backbone "$backbone" --images "$dir/flowers:train" --test "$dir/flowers:test" $small
cmp "$dir/json" "$dir/mutual.json" || fail 'images and their features and views are told another bound'
is mutual_information -10 2.7726 # log 16
is ceiling 2.7725 2.7726
refused 65 'clear_train.safetensors: holds no pictures' mutual --images "$dir/clear_train.safetensors" $small

# --- what is wrong is told ---
# pair VERB A B: the two sets as the verb has them.
pair() {
    case $1 in
    retrieve) echo "$1 --bank $2 --queries $3" ;;
    fewshot | mutual) echo "$1 --images $2" ;;
    linear) echo "$1 --train $2 --val $val --test $3" ;;
    *) echo "$1 --train $2 --test $3" ;;
    esac
}
nan="$dir/nan.safetensors: row 3, column 5 of features is nan"
for verb in knn retrieve fewshot linear localize mutual; do
    refused 65 "$nan" $(pair $verb "$dir/nan.safetensors" "$test")
    refused 65 'inf.safetensors: row 0, column 0 of features is -inf' $(pair $verb "$dir/inf.safetensors" "$test")
    refused 65 "$dir/nosuch.safetensors: cannot open" $(pair $verb "$dir/nosuch.safetensors" "$test")
    refused 64 'is a dataset, whose features need RECIPE.yaml and --backbone' $(pair $verb "$dir/set.csv:train" "$test")
    refused 65 'conv1.weight is F32 \[8,3,7,7\], expected F32 \[16,3,7,7\]' $(pair $verb "$dir/set.csv:train" "$test") \
        "$r" --backbone "$backbone" --set model.width=16
    refused 65 'lacks backbone.layer1.0.conv3.weight' $(pair $verb "$dir/set.csv:train" "$test") \
        "$r" --backbone "$backbone" --set model.backbone=resnet50
    refused 65 'is not a safetensors file' $(pair $verb "$dir/set.csv:train" "$test") "$r" --backbone "$r"
    refused 78 "no row is of split 'tset'" $(pair $verb "$dir/set.csv:tset" "$test") "$r" --backbone "$backbone"
    [ $verb = localize ] || [ $verb = mutual ] || # which look at no labels
        refused 65 'unlabelled.safetensors: row 4 (sample 4) has no label' $(pair $verb "$dir/unlabelled.safetensors" "$test")
done
for verb in knn retrieve linear localize; do
    refused 65 "$nan" $(pair $verb "$train" "$dir/nan.safetensors")
    refused 78 'train.safetensors has 64 features, .*narrow.safetensors has 63: they are of different backbones' \
        $(pair $verb "$train" "$dir/narrow.safetensors")
done

# one class only, where others are told by it
for verb in knn retrieve linear; do
    refused 65 'one_class.safetensors: all 72 rows are of class 0' $(pair $verb "$dir/one_class.safetensors" "$test")
done
# features that no classifier can be fitted to
for verb in fewshot linear; do
    refused 65 'far.safetensors: row 2, column 1 of features is 1e+30: ' $(pair $verb "$dir/far.safetensors" "$test")
done
ok knn --train "$dir/far.safetensors" --test "$test"
# boxes are of no class
made other_classes "$test" 'meta["classes"] = "13"; meta.pop("class_names", None)'
ok localize --train "$train" --val "$val" --test "$dir/other_classes.safetensors"
cmp "$dir/json" "$dir/localize.json" || fail 'the number of classes changes where boxes are'
refused 78 '12 classes, .*other_classes.safetensors has 13' $(pair knn "$train" "$dir/other_classes.safetensors")
# a box that is outside its image
sed '2s/,[0-9]*,[0-9]*,[0-9]*,[0-9]*\r*$/,30,2,40,10/' "$dir/set.csv" >"$dir/outside.csv"
refused 65 "$dir/outside.csv:train: sample 0: the box x 30, y 2, w 40, h 10 is outside its image of" \
    features "$r" --backbone "$backbone" --images "$dir/outside.csv:train" --out "$dir/none"
# pictures that are not there
refused 65 'train.safetensors: holds no pictures; make it by augstream-evaluate features --views' \
    retrieve --bank "$train" --queries "$test" --out "$dir/none"
[ ! -e "$dir/none" ] || fail 'a folder is left of what was refused'
echo 'evaluate: ok'
