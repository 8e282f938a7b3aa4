/* SPDX-License-Identifier: Apache-2.0 */
/* replay_config: the corpus of fuzz_config: the example that is shipped, files that use every kind
 * of value, and what YAML has that a configuration should not. */
#include "tests/fuzz/replay.h"

#include "common/file.h"

const unsigned long replay_corpus_least = 500;

static const char *const texts[] = {
    "datasets: {a: {path: /srv/a}}\n",
    "datasets:\n  a: {path: /srv/a, format: folder}\n  b:\n    path: '/srv/b'\nworkers: 3\n",
    "listen: [tcp://127.0.0.1:*, \"ipc:///run/a b\"]\ntap: tcp://[::1]:5\ndatasets: {a: {path: x}}",
    "insecure: true\nlisten: [tcp://0.0.0.0:1]\ndatasets: {a: {path: x}}\nlog: debug\n",
    "datasets: {\"a\\tb\": {path: \"\\u00e9\\x41\\n\"}}\n",
    "bad_rate_max: 1e-1\ndeadline: .5\nworker_mib: 0x400\nslots: 0o17\ndatasets: {a: {path: x}}\n",
    "bad_rate_max: .nan\n",
    "deadline: -.inf\n",
    "workers: 99999999999999999999999999\n",
    "# only a comment\n",
    "--- \n...\n--- \n",
    "datasets: &a {b: *a}\n",
    "a: &a [*a, *a]\nb: &b [*a, *a]\n",
    "<<: {workers: 1}\ndatasets: {a: {path: x}}\n",
    "datasets: {a: {path: x}, a: {path: y}}\n",
    "datasets: {a: {path: |\n  one\n  two\n}}\n",
    "datasets: !!map {a: !!str {path: !x y}}\n",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "? {a: b}\n: c\n",
    "datasets: []\nlisten: {}\nworkers: [1]\n",
    "workrs: 1\n",
    "%YAML 9.9\n---\nworkers: 1\n",
    "\xef\xbb\xbfworkers: 1\n",
    "\xff\xfew",
    "tap: \"\\0\"\ndatasets: {a: {path: x}}\n",
};

void replay_corpus(void)
{
    char *example;
    size_t len;
    assert_int_equal(file_read(TESTS_DIR "/../deploy/loaderd.yaml", 1 << 20, &example, &len), 0);
    replay_mutants((const uint8_t *)example, len);
    free(example);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        replay_mutants((const uint8_t *)texts[i], strlen(texts[i]));
    replay((const uint8_t *)"", 0);
}
