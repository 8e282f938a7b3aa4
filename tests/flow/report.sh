#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# report: backbones times measures become one table in three forms; what is there and unchanged is not done again; a
# measure that fails is shown and costs the others nothing. browser: the page in Chromium, light and
# dark, as wide as a phone and as a desk.
#   report.sh LOADERD TRAINER SYNTH EVALUATE files|browser
set -eu
evaluate=$4 part=$5
chromium=
if [ "$part" = browser ]; then
    chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
        echo 'skipped: no chromium, so that no page can be looked at'
        exit 77
    }
fi
. "$(dirname "$0")/run.sh"
train one --steps 1
train two --steps 4 --set augself.crop=0 --set augself.color=0

cat >"$dir/report.yaml" <<END
title: Small <flowers> & "others"
backbones:
  one: {title: "one <step>", recipe: $dir/runs/one/recipe.yaml, backbone: $dir/runs/one/backbone.safetensors}
  two: {recipe: $dir/runs/two/recipe.yaml, backbone: $dir/runs/two/backbone.safetensors}
measures:
  near: {title: Nearest, verb: knn, train: "$dir/flowers:train", test: "$dir/flowers:test"}
  shots:
    verb: fewshot
    images: $dir/flowers:train
    options: [shots=1, episodes=20, queries=4]
  fit: {title: Fit, verb: linear, train: "$dir/flowers:train", val: "$dir/flowers:train", test: "$dir/flowers:test",
    metric: mean-per-class, paper: flowers}
  broken: {title: Not there, verb: knn, train: "$dir/flowers:train", test: $dir/nothing}
END
out=$dir/out
report() {
    rc=0
    "$evaluate" report "$dir/report.yaml" --out "$out" >"$dir/said" 2>"$dir/err" || rc=$?
}

# says TEXT FILE
says() {
    grep -q -F -- "$1" "$2" || { cat "$2"; fail "$(basename "$2") does not say $1"; }
}

# told MEASURED KEPT FAILED: what the last report did; and which exit code that has.
told() {
    says "$out/report.html: measured $1, kept $2, failed $3" "$dir/said"
    [ "$3" -eq 0 ] && code=0 || code=65
    [ "$rc" -eq "$code" ] || fail "exit code $rc, not $code"
}

report
told 6 0 2
if [ "$part" = browser ]; then
    browse() { # URL [OPTION...]: what it becomes in $dir/dom, what the console said in $dir/console
        url=$1
        shift
        timeout 100 "$chromium" --headless --no-sandbox --disable-gpu --enable-logging=stderr "$@" --dump-dom \
            --user-data-dir="$dir/profile" "file://$url" >"$dir/dom" 2>"$dir/browser" ||
            { cat "$dir/browser"; fail 'chromium failed'; }
        grep 'CONSOLE' "$dir/browser" >"$dir/console" || true
    }
    echo '<script>nonsense(</script>' >"$dir/bad.html"
    browse "$dir/bad.html"
    grep -q 'SyntaxError' "$dir/console" || { cat "$dir/browser"; fail 'an error in a page is not noticed'; }
    # A script at the end of a copy measures what has no script of its own, at the width behind the #.
    cp "$out/report.html" "$dir/measured.html"
    cat >>"$dir/measured.html" <<'END'
<script>
const body = document.body, width = +location.hash.slice(1), found = document.documentElement.dataset;
body.style.width = width + 'px';
found.wide = body.scrollWidth > width;
found.width = body.clientWidth;
found.plots = [...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().height > 40).length;
found.ground = getComputedStyle(body).backgroundColor;
found.bar = getComputedStyle(document.querySelector('svg .bar')).fill;
</script>
END
    for colours in 0 1; do
        browse "$out/report.html" --blink-settings=preferredColorScheme=$colours
        [ ! -s "$dir/console" ] || { cat "$dir/console"; fail 'the console has words'; }
        says '<td class="figure">' "$dir/dom"
        for width in 320 390 1280; do
            browse "$dir/measured.html#$width" --blink-settings=preferredColorScheme=$colours
            [ ! -s "$dir/console" ] || { cat "$dir/console"; fail 'the measurement failed'; }
            says "data-wide=\"false\" data-width=\"$width\" data-plots=\"3\"" "$dir/dom"
            sed -n 's/.*data-ground="\([^"]*\)" data-bar="\([^"]*\)".*/\1 \2/p' "$dir/dom" | head -n 1 >>"$dir/colours"
        done
    done
    [ "$(sort -u "$dir/colours" | wc -l)" -eq 2 ] || { cat "$dir/colours"; fail 'light and dark are not two'; }
    echo 'report in a browser: ok'
    exit 0
fi

# --- three forms of one table ---
says '# Small \<flowers\> \& "others"' "$out/report.md"
grep -q '^| one \\<step\\> | [0-9.]* | [0-9.]* ± [0-9.]* | [0-9.]* (paper 72.18) | failed |$' "$out/report.md" || { cat "$out/report.md"; fail 'no row'; }
says '(paper 59.19) | failed |' "$out/report.md"
says "two is not of the paper's setting: trained on flowers, not STL10; width 8, not 64; epochs 6, not 200;" "$out/report.md"
says '* two, Not there: features: '"$dir/nothing: no such dataset" "$out/report.md"
[ "$(grep -c ',knn,,done,knn_1,' "$out/report.csv")" -eq 2 ] || { cat "$out/report.csv"; fail 'no scores in the CSV'; }
grep -q '^two,two,simsiam,none,broken,Not there,knn,,failed,,.*no such dataset' "$out/report.csv" || fail 'no failure in the CSV'
grep -q '^one,one <step>,simsiam,both,near,' "$out/report.csv" || fail 'the heads are not the recipe'"'"'s'
says '<h1>Small &lt;flowers&gt; &amp; &quot;others&quot;</h1>' "$out/report.html"
says '<th scope="row">one &lt;step&gt;</th>' "$out/report.html"
[ "$(grep -c '<svg ' "$out/report.html")" -eq 3 ] || fail 'a plot for each column that has values'
! grep -q '<script\|https\{0,1\}:' "$out/report.html" || fail 'the page wants something else'
# The same figure as the verb alone says.
"$evaluate" knn "$dir/runs/two/recipe.yaml" --backbone "$dir/runs/two/backbone.safetensors" --train "$dir/flowers:train" \
    --test "$dir/flowers:test" --json "$dir/knn.json" >"$dir/knn" 2>"$dir/err"
value=$(sed -n 's/^knn_1 \([0-9.]*\) %$/\1/p' "$dir/knn")
grep -q "^two,.*,knn_1,$value[0-9]*,,%,," "$out/report.csv" || { cat "$dir/knn" "$out/report.csv"; fail 'another figure'; }

# --- again: nothing is done twice, but for what failed ---
ls -l --time-style=full-iso "$out"/features/*.safetensors >"$dir/before"
[ "$(wc -l <"$dir/before")" -eq 4 ] || fail 'each backbone has its features of each dataset once'
cp "$out/report.csv" "$dir/report.csv"
report
told 0 6 2
[ "$(grep -c 'features of' "$dir/err")" -eq 2 ] || { cat "$dir/err"; fail 'features are made again'; }
ls -l --time-style=full-iso "$out"/features/*.safetensors | cmp - "$dir/before" || fail 'features are written again'
cmp "$out/report.csv" "$dir/report.csv" || fail 'another table'

# A picture that changes changes what was made of it, and nothing else.
touch "$(find "$dir/flowers/test" -name '*.jpg' | head -n 1)"
sed -i '/^  broken/d' "$dir/report.yaml"
report
told 4 2 0
[ "$(grep -c 'features of .*/flowers:test$' "$dir/err")" -eq 2 ] || { cat "$dir/err"; fail 'not the features of the test set'; }
! grep -q 'features of .*/flowers:train$' "$dir/err" || fail 'the features of the training set as well'
# So does an option, and a file that is gone or damaged.
sed -i 's/episodes=20/episodes=21/' "$dir/report.yaml"
report
told 2 4 0
rm "$out"/scores/one.near.json
echo '{' >"$out"/scores/two.near.json
report
told 2 4 0

# --- what cannot be ---
rc=0
flock "$out" "$evaluate" report "$dir/report.yaml" --out "$out" >"$dir/said" 2>"$dir/err" || rc=$?
[ "$rc" -ne 0 ] || fail 'two reports in one folder'
says 'another report is at work there' "$dir/err"
sed 's/verb: knn/verb: knn, tset: x/' "$dir/report.yaml" >"$dir/bad.yaml"
rc=0
"$evaluate" report "$dir/bad.yaml" --out "$dir/none" 2>"$dir/err" || rc=$?
[ "$rc" -eq 78 ] || fail "exit code $rc for an unknown key"
says "$dir/bad.yaml:6: measures.near.tset" "$dir/err"
says 'measures.near.test' "$dir/err"
[ ! -e "$dir/none" ] || fail 'a folder for nothing'
# Whatever can be measured with is a verb, and takes what an agenda gives it.
sed 's/verb: knn/verb: none/' "$dir/report.yaml" >"$dir/bad.yaml"
"$evaluate" report "$dir/bad.yaml" 2>"$dir/err" || true
for verb in $(sed -n "s/.*'none' is none of //p" "$dir/err" | tr -d ,); do
    "$evaluate" "$verb" --help >"$dir/help" || fail "$verb is no verb"
    says '--json' "$dir/help"
    verbs="${verbs:-} $verb"
done
echo "report: ok, can measure with${verbs:?}"
