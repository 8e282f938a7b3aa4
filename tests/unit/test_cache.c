/* SPDX-License-Identifier: Apache-2.0 */
/* cache: an index comes back as it was kept, and only while all that it depends on is as it was;
 * one that is damaged, another's or none is refused; and whatever the folder of state is like, the
 * dataset opens and answers the same. */
#include "alloc_count.h"
#include "garden.h"

#include "common/err.h"
#include "loaderd/source/cache.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>

static struct garden garden;
static char set[128], state[128];

static void age(const char *name, time_t s, long ns)
{
    const struct timespec times[2] = {{.tv_sec = s, .tv_nsec = ns}, {.tv_sec = s, .tv_nsec = ns}};
    assert_int_equal(utimensat(AT_FDCWD, garden_path(&garden, name), times, 0), 0);
}

/* A set of two classes, last changed long ago. */
static void plant(uint32_t n)
{
    garden_new(&garden);
    garden_plant(&garden, "set", n);
    age("set/class-0", 1000000, 7);
    age("set/class-1", 1000000, 7);
    age("set", 1000000, 7);
    snprintf(set, sizeof set, "%s", garden_path(&garden, "set"));
    snprintf(state, sizeof state, "%s", garden_path(&garden, "state"));
}

static struct source_spec declared(void)
{
    return (struct source_spec){.format = "folder", .path = set, .state = state};
}

static struct source *open_set(const char *how, bool amiss)
{
    const struct source_spec spec = declared();
    struct source *source = NULL;
    if (source_open(&spec, &source) < 0)
        fail_msg("%s", err_text());
    if (!strstr(source->how, how))
        fail_msg("'%s' does not say '%s'", source->how, how);
    assert_int_equal(source->amiss, amiss);
    return source;
}

static void opens(const char *how, bool amiss, uint64_t samples)
{
    struct source *source = open_set(how, amiss);
    assert_int_equal(source->samples, samples);
    source_free(source);
}

static const char *index_path(void)
{
    static char path[256];
    const struct source_spec spec = declared();
    uint8_t key[DIGEST_BYTES];
    char hex[2 * DIGEST_BYTES + 1];
    cache_key(&spec, key);
    digest_hex(key, hex);
    snprintf(path, sizeof path, "%s/%s.index", state, hex);
    return path;
}

static void same(const struct source *a, const struct source *b)
{
    assert_int_equal(a->samples, b->samples);
    assert_int_equal(a->classes, b->classes);
    assert_int_equal(a->ignored, b->ignored);
    assert_memory_equal(a->fingerprint, b->fingerprint, DIGEST_BYTES);
    for (uint32_t i = 0; i < a->samples; i++) {
        struct item x, y;
        a->item(a, i, &x);
        b->item(b, i, &y);
        assert_memory_equal(&x, &y, sizeof x);
    }
    for (uint32_t c = 0; c < a->classes; c++)
        assert_string_equal(a->class_name(a, c), b->class_name(b, c));
}

static void test_warm(void **unused)
{
    (void)unused;
    plant(12);
    struct source_spec bare = declared();
    bare.state = NULL;
    struct source *none = NULL;
    assert_int_equal(source_open(&bare, &none), 0);
    assert_string_equal(none->how, "");
    struct source *cold = open_set("as no index was kept; the index is kept", false);
    struct source *warm = open_set("index as it was kept", false);
    same(none, cold);
    same(cold, warm);
    struct item item;
    const unsigned long before = alloc_count();
    for (uint32_t i = 0; i < warm->samples; i++)
        warm->item(warm, i, &item);
    assert_int_equal(alloc_count(), before);
    source_free(none);
    source_free(cold);
    source_free(warm);
    garden_done(&garden);
}

static void test_keys(void **unused)
{
    (void)unused;
    const struct source_spec specs[] = {
        {.format = "folder", .path = "/a"},
        {.format = "folder", .path = "/b"},
        {.format = "manifest", .path = "/a"},
        {.format = "folder", .path = "/a", .split = "train"},
        {.format = "folder", .path = "/a", .classes = "train"},
        {.format = "folder", .path = "/a", .fraction = 0.5},
        {.format = "folder", .path = "/a", .allow = ENCODING_JPEG},
    };
    uint8_t keys[ARRAY_LEN(specs)][DIGEST_BYTES], key[DIGEST_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        cache_key(&specs[i], keys[i]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], DIGEST_BYTES);
    }
    const struct source_spec usual = {.format = "folder",
                                      .path = "/a",
                                      .split = "",
                                      .classes = "",
                                      .fraction = 1,
                                      .allow = ENCODINGS_USUAL,
                                      .state = "/s"};
    cache_key(&usual, key);
    assert_memory_equal(key, keys[0], DIGEST_BYTES);
}

static void copy(const char *from, const char *to)
{
    char command[600];
    snprintf(command, sizeof command, "cp %s/%s %s/%s", garden.root, from, garden.root, to);
    assert_int_equal(system(command), 0);
}

/* Whatever changes, the list is made anew, told of, and kept once it has settled. */
static void test_stale(void **unused)
{
    (void)unused;
    plant(12);
    opens("the index is kept", false, 12);
    copy("set/class-0/000.jpg", "set/class-0/new.jpg");
    age("set/class-0", 4000000000, 0); /* as if in the moment that follows */
    opens("set/class-0 has changed since; the index is not kept: ", false, 13);
    opens("set/class-0 has changed since", false, 13);
    age("set/class-0", 1000001, 7);
    opens("set/class-0 has changed since; the index is kept", false, 13);
    opens("index as it was kept", false, 13);

    assert_int_equal(unlink(garden_path(&garden, "set/class-1/000.jpg")), 0);
    age("set/class-1", 1000001, 7);
    opens("set/class-1 has changed since; the index is kept", false, 12);
    opens("index as it was kept", false, 12);

    assert_int_equal(mkdir(garden_path(&garden, "set/class-2"), 0777), 0);
    copy("set/class-0/000.jpg", "set/class-2/000.jpg");
    age("set/class-2", 1000001, 7);
    age("set", 1000001, 7);
    opens("set has changed since; the index is kept", false, 13);
    opens("index as it was kept", false, 13);

    /* Another folder of the same name, as old as the first: its inode tells. */
    char old[128], gone[128];
    snprintf(old, sizeof old, "%s/set/class-2", garden.root);
    snprintf(gone, sizeof gone, "%s/away", garden.root);
    assert_int_equal(rename(old, gone), 0);
    assert_int_equal(mkdir(old, 0777), 0);
    age("set/class-2", 1000001, 7);
    age("set", 1000001, 7);
    opens("set/class-2 has changed since; the index is kept", false, 12);

    assert_int_equal(rmdir(old), 0);
    age("set", 1000001, 7);
    opens("set/class-2: No such file", false, 12);
    garden_done(&garden);
}

/* Around the moment at which a listing began, by a clock of fine ticks and by one of coarse. */
static void test_settled(void **unused)
{
    (void)unused;
    plant(4);
    const struct timespec begun = {.tv_sec = 5000, .tv_nsec = 1};
    static const struct {
        time_t s;
        long ns;
        int code;
    } rows[] = {
        {5000, 1, -EAGAIN},
        {5000, 2, -EAGAIN},
        {4999, 999999999, -EAGAIN},
        {4999, 980000001, -EAGAIN},
        {4999, 979999999, 0},
        {4999, 0, -EAGAIN},
        {4998, 10000000, -EAGAIN},
        {4998, 0, 0},
        {4997, 990000000, 0},
        {6000, 1, -EAGAIN},
        {0, 1, 0},
        {-5, 3, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct listing listing = {0};
        const struct source_spec spec = declared();
        struct stat st = {.st_mode = S_IFDIR, .st_mtim = {rows[i].s, rows[i].ns}};
        uint8_t key[DIGEST_BYTES];
        void *block;
        size_t bytes;
        struct index index;
        assert_int_equal(listing_begin(&listing, set), 0);
        assert_int_equal(listing_watch(&listing, set, &st), 0);
        const struct listed s = {.name = "a.jpg", .file = LISTING_NO_FILE, .label = -1};
        assert_int_equal(listing_add(&listing, &s), 0);
        cache_key(&spec, key);
        assert_int_equal(index_seal(&listing, &spec, key, &block, &bytes), 0);
        assert_int_equal(index_view(block, bytes, &index), 0);
        const int r = cache_store(state, &begun, &index);
        if (r != rows[i].code)
            fail_msg("row %zu: %d (%s)", i, r, r < 0 ? err_text() : "");
        free(block);
        listing_done(&listing);
    }
    garden_done(&garden);
}

static void put(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void test_damage(void **unused)
{
    (void)unused;
    plant(6);
    opens("the index is kept", false, 6);
    const char *path = index_path();
    static uint8_t whole[65536];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    const size_t len = fread(whole, 1, sizeof whole, f);
    fclose(f);
    assert_in_range(len, sizeof(struct index_head), sizeof whole - 1);
    for (size_t i = 0; i < len; i += 7) {
        whole[i] ^= 0x40;
        put(path, whole, len);
        whole[i] ^= 0x40;
        opens("listed anew: ", true, 6);
        opens("index as it was kept", false, 6);
    }
    for (size_t n = 0; n < len; n += 61) {
        put(path, whole, n);
        opens("listed anew: ", true, 6);
    }
    put(path, whole, len + 1);
    opens("not a whole one; the index is kept", true, 6);

    /* Another declaration's, under this one's name. */
    struct source_spec half = declared();
    half.fraction = 0.5;
    struct source *source;
    assert_int_equal(source_open(&half, &source), 0);
    source_free(source);
    uint8_t key[DIGEST_BYTES];
    char hex[2 * DIGEST_BYTES + 1], other[256];
    cache_key(&half, key);
    digest_hex(key, hex);
    snprintf(other, sizeof other, "%s/%s.index", state, hex);
    assert_int_equal(rename(other, path), 0);
    opens("of another declaration; the index is kept", true, 6);

    /* What is no file at all. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    opens("not an index; the index is kept", true, 6);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/zero", path), 0);
    opens("; the index is kept", true, 6);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    opens("; the index is not kept: ", true, 6);
    assert_int_equal(rmdir(path), 0);
    garden_done(&garden);
}

static void test_folder_of_state(void **unused)
{
    (void)unused;
    plant(6);
    /* No folder, and none can be made. */
    garden_write(&garden, "state", "a file");
    opens("the index is not kept: ", true, 6);
    assert_int_equal(unlink(state), 0);

    /* One that is made is the daemon's alone. */
    struct stat st;
    opens("the index is kept", false, 6);
    assert_int_equal(stat(state, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(unlink(index_path()), 0);

    /* Full: no file may grow. */
    struct rlimit old, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    none = old;
    none.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    opens("cannot write: File too large", true, 6);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(access(index_path(), F_OK), -1);

    /* Another writes; one that was killed left a part. */
    char path[300];
    snprintf(path, sizeof path, "%s/lock", state);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    opens("another loader is writing here", false, 6);
    assert_int_equal(access(index_path(), F_OK), -1);
    close(fd);
    snprintf(path, sizeof path, "%s.tmp.1.0", index_path());
    put(path, "half", 4);
    opens("the index is kept", false, 6);
    assert_int_equal(access(path, F_OK), -1);
    opens("index as it was kept", false, 6);
    garden_done(&garden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warm),   cmocka_unit_test(test_keys),
        cmocka_unit_test(test_stale),  cmocka_unit_test(test_settled),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_folder_of_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
