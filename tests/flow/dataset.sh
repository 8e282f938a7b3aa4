#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dataset: `augstream-inspect dataset` tells what lies there: classes, sizes, boxes, and each bad image by
# its name and fault, damage at the very bottom of a picture too; through a loader that others use it tells
# the same but for the images' names. Sets that are empty, of one image, all bad or nearly so are answered for, and so is
# a signal.
#   dataset.sh LOADERD INSPECT SYNTH
set -eu
loaderd=$(realpath "$1")
inspect=$(realpath "$2")
synth=$(realpath "$3")

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"

"$synth" --out flowers --train 10 --test 0 --size 64 >/dev/null
cp -r flowers/train zoo
python3 - <<'EOF'
import glob, json, struct, zlib

names = sorted(glob.glob("zoo/*/*.jpg"))
def write(number, data):
    open(names[number], "wb").write(data)
def size(data):  # of a baseline JPEG
    at = data.index(b"\xff\xc0")
    return struct.unpack(">HH", data[at + 5:at + 9])
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

read = lambda n: open(names[n], "rb").read()
write(3, read(3)[:700])
write(14, b"no picture at all\n")
write(15, b"")
write(26, b"GIF89a\1\0\1\0\0\0\0;")
write(37, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)) +
      chunk(b"IDAT", b"x") + chunk(b"IEND", b""))
# The last coded bytes of a picture that is higher than wide become a code that no table has: what a
# centred square shows is as it was.
tall = next(n for n in range(50, 120) if size(read(n))[0] > 1.3 * size(read(n))[1])
data = read(tall)
write(tall, data[:-26] + b"\xff\0" * 12 + data[-2:])
expected = {3: "truncated", 14: "not_image", 15: "not_image", 26: "unsupported", 37: "too_large", tall: "truncated"}
json.dump({names[n][4:]: f for n, f in expected.items()}, open("expected.json", "w"))
open("zoo/notes.txt", "w")
EOF

# code N COMMAND...: ends with N.
code() {
    want=$1
    shift
    rc=0
    "$@" 2>err || rc=$?
    [ "$rc" -eq "$want" ] || { echo "code $rc, expected $want: $*"; cat err; exit 1; }
}
code 0 "$inspect" dataset zoo --json --bad bad.tsv >zoo.json
grep -q '^images of zoo: 120 of 120' err
! grep -q 'is bad' err || { echo 'bad images are told twice:'; cat err; exit 1; }
code 65 "$inspect" dataset zoo --strict >zoo.txt
grep -q 'zoo: 6 of 120 images are bad' err
code 0 "$inspect" dataset flowers/train --strict >/dev/null

cat >loaderd.yaml <<EOF
listen: [ipc://$dir/loader.sock]
tap: ipc://$dir/tap.sock
bad_rate_max: 1
datasets:
  zoo: {path: $dir/zoo, format: folder}
EOF
"$loaderd" --config loaderd.yaml 2>log &
daemon=$!
code 0 "$inspect" dataset "ipc://$dir/loader.sock" zoo --json >endpoint.json
code 65 "$inspect" dataset "ipc://$dir/loader.sock" weeds
grep -q weeds err
kill "$daemon"
wait "$daemon"

python3 - <<'EOF'
import glob, json, statistics, struct

expected = json.load(open("expected.json"))
zoo = json.load(open("zoo.json"))
end = json.load(open("endpoint.json"))
assert (zoo["images"], zoo["seen"], zoo["good"], zoo["bad"]) == (120, 120, 114, 6), zoo
assert {b["name"]: b["fault"] for b in zoo["bad_images"]} == expected, zoo["bad_images"]
assert all(b["reason"] and "zoo/" not in b["reason"] for b in zoo["bad_images"]), zoo["bad_images"]
assert zoo["faults"] == {"truncated": 2, "not_image": 2, "unsupported": 1, "too_large": 1}, zoo["faults"]
assert (zoo["format"], zoo["left_out"], zoo["unlabelled"], zoo["error"]) == ("folder", 1, 0, None)
lines = [line.rstrip("\n").split("\t") for line in open("bad.tsv")]
assert [(int(l[0]), l[1], int(l[2]), l[3], l[4]) for l in lines] == \
    [(b["sample"], b["fault"], b["label"], b["name"], b["reason"]) for b in zoo["bad_images"]]

# Classes and sizes: counted here once more, from the files.
names = sorted(glob.glob("zoo/*/*.jpg"))
kinds = sorted({n.split("/")[1] for n in names})
sizes = []
for label, kind in enumerate(kinds):
    row = zoo["classes"][label]
    mine = [n for n in names if n.split("/")[1] == kind]
    bad = [n for n in mine if n[4:] in expected]
    assert row == {"label": label, "name": kind, "images": len(mine) - len(bad), "bad": len(bad)}, row
    for n in set(mine) - set(bad):
        data = open(n, "rb").read()
        at = data.index(b"\xff\xc0")
        sizes.append(struct.unpack(">HH", data[at + 5:at + 9])[::-1])
assert len(zoo["classes"]) == len(kinds) == 12
for key, values in (("width", [w for w, h in sizes]), ("height", [h for w, h in sizes]),
                    ("pixels", [w * h for w, h in sizes]), ("ratio", [w / h for w, h in sizes])):
    told = zoo["sizes"][key]
    assert told == {"min": min(values), "median": statistics.median_low(values), "max": max(values)}, (key, told)
assert zoo["sizes"]["wider"] == sum(w > h for w, h in sizes)
assert zoo["sizes"]["distinct"] == len(set(sizes))
for row in zoo["sizes"]["common"]:
    assert sizes.count((row["width"], row["height"])) == row["images"], row

# Another's loader: the same, but for what only the images' names tell.
for key in ("fingerprint", "images", "good", "bad", "faults", "sizes", "unlabelled"):
    assert end[key] == zoo[key], key
for key in ("label", "name", "images"):
    assert [c[key] for c in end["classes"]] == [c[key] for c in zoo["classes"]], key
assert all(c["bad"] is None for c in end["classes"])
assert [(b["sample"], b["fault"]) for b in end["bad_images"]] == \
    [(b["sample"], b["fault"]) for b in zoo["bad_images"]]
assert all(b["name"] is None and b["reason"] is None and b["label"] is None for b in end["bad_images"])
assert end["format"] is None and end["dataset"] == "zoo"

table = open("zoo.txt").read()
assert "bad            6: 2 truncated, 1 too_large, 2 not_image, 1 unsupported\n" in table, table
for name, fault in expected.items():
    assert any(fault in line and name in line for line in table.splitlines()), name
EOF

# A loader that ends the epoch: what was seen until then is told, and why there is no more.
mkdir -p sour/a
good=$(find flowers -name '*.jpg' | head -n 1)
echo 'no picture' >bad.jpg
for i in $(seq 1000 1999); do
    ln "$([ "$i" -lt 1640 ] && echo "$good" || echo bad.jpg)" "sour/a/$i.jpg"
done
sed -i "s|bad_rate_max: 1|bad_rate_max: .1|; s|zoo: .*|sour: {path: $dir/sour}|" loaderd.yaml
"$loaderd" --config loaderd.yaml 2>log &
daemon=$!
code 65 "$inspect" dataset "ipc://$dir/loader.sock" sour --json >sour.json
grep -q 'bad_rate_max' err
kill "$daemon"
wait "$daemon"
daemon=
code 0 "$inspect" dataset sour --json >whole.json
python3 - <<'EOF'
import json
sour, whole = json.load(open("sour.json")), json.load(open("whole.json"))
assert sour["images"] == 1000 and 300 < sour["seen"] < 1000 and "bad_rate_max" in sour["error"], sour
assert (whole["seen"], whole["bad"]) == (1000, 360)
EOF

# None, one, no good one, one good one among many: where nothing can stand in for what is bad.
mkdir -p none/a one/a all/a few/a few/b
cp "$(find flowers -name '*.jpg' | head -n 1)" one/a/1.jpg
cp one/a/1.jpg few/b/1.jpg
for i in $(seq 200); do
    echo "no picture $i" >"all/a/$i.jpg"
    cp "all/a/$i.jpg" "few/a/$i.jpg"
done
code 65 "$inspect" dataset none >out
grep -q 'none: no images' err
[ ! -s out ]
code 0 "$inspect" dataset one >out
grep -q '^good           1 (100.0 %)$' out
code 65 "$inspect" dataset all >out
grep -q '^bad            200: 200 not_image$' out
grep -q 'all: none of 200 images is good' err
code 0 "$inspect" dataset few --json >few.json
python3 - <<'EOF'
import json
few = json.load(open("few.json"))
assert (few["good"], few["faults"]) == (1, {"not_image": 200}), few["faults"]
assert [b["sample"] for b in few["bad_images"]] == list(range(200))
assert all(b["reason"] == "no image format begins like this" for b in few["bad_images"])
assert [c["images"] for c in few["classes"]] == [0, 1]
EOF
echo 'no picture' >one/a/1.jpg
code 65 "$inspect" dataset one >out
grep -q '^bad            1: 1 not_image$' out

# Parts of a set, boxes, images without a label.
code 0 "$inspect" dataset flowers:train --fraction .5 --json >half.json
printf 'red-five\nblue-five\n' >two.txt
code 0 "$inspect" dataset flowers --split train --classes two.txt --workers 1 --json >two.json
python3 - <<'EOF' >m.csv
import glob
print("path,label,split,x,y,w,h")
for i, n in enumerate(sorted(glob.glob("flowers/train/*/*.jpg"))[:9]):
    label = ["rose", "", "lily"][i % 3]
    box = "0,0,10,10" if i % 2 else ",,," if i < 6 else "0,0,5000,1"
    print(f"{n},{label},train,{box}")
EOF
code 0 "$inspect" dataset m.csv:train --json >m.json
python3 - <<'EOF'
import json
half, two, m = (json.load(open(f"{n}.json")) for n in ("half", "two", "m"))
assert half["images"] == 60 and [c["images"] for c in half["classes"]] == [5] * 12
assert [(c["name"], c["images"]) for c in two["classes"]] == [("red-five", 10), ("blue-five", 10)]
assert (m["images"], m["unlabelled"], m["boxed"], m["outside"]) == (9, 3, 6, 2), m
assert sorted((c["name"], c["images"]) for c in m["classes"]) == [("lily", 3), ("rose", 3)]
EOF

# A signal in the middle: what was seen until then is told, and nothing is left behind.
"$synth" --out large --train 1 --test 0 --size 600 >/dev/null
mkdir -p many/a tmp
python3 - <<'EOF'
import glob, os
source = glob.glob("large/train/*/*.jpg")[0]
for i in range(4000):
    os.link(source, f"many/a/{i:04}.jpg")
EOF
TMPDIR=$dir/tmp "$inspect" dataset many --workers 1 --json >many.json 2>err &
asked=$!
until grep -q 'images of many: [1-9]' err; do
    kill -0 "$asked" || { cat err; exit 1; }
done
kill -TERM "$asked" # of a job in the background a shell may have SIGINT ignored
rc=0
wait "$asked" || rc=$?
[ "$rc" -eq 70 ] && grep -q 'stopped by a signal' err || { echo "code $rc"; cat err; exit 1; }
[ -z "$(ls tmp)" ] || { ls -R tmp; exit 1; }
python3 - <<'EOF'
import json
many = json.load(open("many.json"))
assert 0 < many["seen"] == many["good"] < 4000 == many["images"] and "signal" in many["error"], many
EOF

# refused CODE TEXT COMMAND...: ends with that code and one line that has TEXT.
refused() {
    text=$2
    code "$1" "$inspect" dataset $3 >/dev/null
    grep -q -- "$text" err && [ "$(wc -l <err)" -eq 1 ] || { echo "no '$text' in:"; cat err; exit 1; }
}
refused 64 'needs ENDPOINT and NAME' ''
refused 64 'needs ENDPOINT and NAME' 'zoo more'
refused 64 'needs ENDPOINT and NAME' 'ipc:///x'
refused 64 'are for a PATH' 'ipc:///x zoo --split train'
refused 64 'are for an ENDPOINT' 'zoo --server k'
refused 64 'above 0 and up to 1' 'zoo --fraction 0'
refused 65 'nowhere' 'nowhere'
refused 78 'tell its format by --format' 'two.txt'
refused 65 'zoo/nosuch: ' 'zoo --split nosuch'
refused 65 'none/x/y: ' 'zoo --bad none/x/y'
refused 69 'no loader answered within 1 s' "ipc://$dir/nobody.sock zoo --timeout 1"
echo 'dataset: ok'
