/* SPDX-License-Identifier: Apache-2.0 */
/* replay: takes a corpus, or files, and gives them to a fuzz target one after the other, or writes
 * them into a folder. It knows no target: two other files of the program are it. */
#include "tests/fuzz/replay.h"

#include "common/file.h"

enum { MUTANTS = 48, FILE_MAX = 64 << 20 };

static const char *folder; /* to write to; NULL: to run */
static unsigned long inputs;

/* In memory of its own length, so that a sanitizer sees any read past it. */
void replay(const uint8_t *bytes, size_t len)
{
    inputs++;
    if (folder) {
        char path[4096];
        assert_true(snprintf(path, sizeof path, "%s/%05lu", folder, inputs) < (int)sizeof path);
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(bytes, 1, len, out), len);
        assert_int_equal(fclose(out), 0);
        return;
    }
    uint8_t *exact = malloc(len + !len);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static uint32_t below(struct rng *rng, size_t n)
{
    return rng_below(rng, (uint32_t)n);
}

/* Each changes a file of at least 4 bytes in place and returns its new length. */
static size_t cut(struct rng *rng, uint8_t *bytes, size_t len)
{
    (void)bytes;
    return 3 + below(rng, len - 3);
}

static size_t flip_bit(struct rng *rng, uint8_t *bytes, size_t len)
{
    bytes[below(rng, len)] ^= (uint8_t)(1 << below(rng, 8));
    return len;
}

static size_t overwrite(struct rng *rng, uint8_t *bytes, size_t len)
{
    for (uint32_t at = below(rng, len), n = 1 + below(rng, 16); n > 0 && at < len; n--, at++)
        bytes[at] = (uint8_t)rng_u32(rng);
    return len;
}

static size_t put_marker(struct rng *rng, uint8_t *bytes, size_t len)
{
    const uint32_t at = below(rng, len - 1);
    bytes[at] = 0xff;
    bytes[at + 1] = (uint8_t)(0xc0 + below(rng, 0x40));
    return len;
}

static size_t take_out(struct rng *rng, uint8_t *bytes, size_t len)
{
    const size_t at = below(rng, len), n = 1 + below(rng, 1 + (len - at) / 2);
    const size_t taken = n < len - at ? n : len - at;
    memmove(bytes + at, bytes + at + taken, len - at - taken);
    return len - taken;
}

static size_t move_within(struct rng *rng, uint8_t *bytes, size_t len)
{
    const size_t from = below(rng, len), to = below(rng, len);
    const size_t n = below(rng, len - (from > to ? from : to));
    memmove(bytes + to, bytes + from, n);
    return len;
}

void replay_mutants(const uint8_t *bytes, size_t len)
{
    static size_t (*const mutations[])(struct rng *, uint8_t *, size_t) = {
        cut, flip_bit, overwrite, put_marker, take_out, move_within,
    };
    replay(bytes, len);
    if (len < 16 || len > FILE_MAX)
        return;
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = inputs, .purpose = RNG_TEST});
    uint8_t *mutant = malloc(len);
    assert_non_null(mutant);
    for (uint32_t m = 0; m < MUTANTS; m++) {
        memcpy(mutant, bytes, len);
        size_t n = len;
        for (uint32_t times = 1 + m / ARRAY_LEN(mutations); times > 0 && n >= 16; times--)
            n = mutations[m % ARRAY_LEN(mutations)](&rng, mutant, n);
        replay(mutant, n);
    }
    free(mutant);
}

static void test_corpus(void **state)
{
    (void)state;
    replay_corpus();
    fuzz_done();
    print_message("%lu inputs\n", inputs);
    assert_true(inputs >= replay_corpus_least);
}

int main(int argc, char **argv)
{
    const bool writes = argc == 3 && strcmp(argv[1], "--write") == 0;
    if (writes)
        folder = argv[2];
    if (argc == 1 || writes) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
        return cmocka_run_group_tests(tests, NULL, NULL);
    }
    for (int i = 1; i < argc; i++) {
        char *bytes;
        size_t len;
        if (file_read(argv[i], FILE_MAX, &bytes, &len) < 0) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 1;
        }
        fprintf(stderr, "%s\n", argv[i]);
        replay((const uint8_t *)bytes, len);
        free(bytes);
    }
    fuzz_done();
    return 0;
}
