/* SPDX-License-Identifier: Apache-2.0 */
/* node_odd: a few hundred odd and hostile files in the dataset of a real loaderd. Each is asked for
 * by itself: it is rendered, or replaced with its fault in the header and its reason in the log; no
 * worker dies of it, it takes at most 2 s of processor time, and what Pillow can read as well looks
 * as it does there (tests/gold/odd.gold), upright. Needs odd.tar of the real images; skipped
 * without. */
#include "node.h"

#include "common/file.h"
#include "tests/gold/gold.h"
#include "tests/unit/real_data.h"

enum {
    FILES_MAX = 1000,
    FILES_MIN = 300,
    COMPARED_MIN = 110,
    SIDE = 8,
    VIEW_BYTES = SIDE * SIDE * 3,
    GOLD_NAME = 96,
    /* As in test_render.c for Pillow, which rounds between the two passes of its resize: so far at
     * most, and in at most a fifth of the bytes. The fifth is of all files' bytes: of the few of
     * one file, three times the same in a gray one, it may be more. */
    FARTHEST = 1,
    CHANGED_PERCENT_MAX = 20,
#ifdef __SANITIZE_ADDRESS__
    CPU_MAX_MS = 20000, /* checked memory is slow memory */
#else
    CPU_MAX_MS = 2000,
#endif
};

struct view {
    uint32_t top, left, side;
    const uint8_t *rgb;
};

struct told { /* by Pillow */
    const char *name;
    struct view views[2];
};

static struct node node;
static struct gold gold;
static struct told told[FILES_MAX];
static uint32_t n_told, n_files;
static char names[FILES_MAX][GOLD_NAME];

static int ascending(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The files of odd.tar become set/odd/0000.jpg ...: what a file is shows in its bytes alone. */
static void plant_odd(void)
{
    char command[REAL_DATA_PATH_MAX + 512], from[512];
    snprintf(command, sizeof command, "tar -xf '%s' -C '%s'", real_data("odd.tar"),
             node.garden.root);
    assert_int_equal(system(command), 0);
    DIR *dir = opendir(garden_path(&node.garden, "odd"));
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        assert_true(n_files < FILES_MAX && strlen(e->d_name) < GOLD_NAME);
        snprintf(names[n_files++], GOLD_NAME, "%.*s", GOLD_NAME - 1, e->d_name);
    }
    closedir(dir);
    qsort(names, n_files, sizeof names[0], ascending);
    assert_int_equal(mkdir(garden_path(&node.garden, "set/odd"), 0777), 0);
    for (uint32_t i = 0; i < n_files; i++) {
        char to[64];
        snprintf(from, sizeof from, "%s/odd/%s", node.garden.root, names[i]);
        snprintf(to, sizeof to, "set/odd/%04u.jpg", i);
        assert_int_equal(rename(from, garden_path(&node.garden, to)), 0);
    }
}

static void read_gold(void)
{
    gold_open(&gold, TESTS_DIR "/gold/odd.gold", "AUGODD01");
    n_told = gold_u32(&gold);
    assert_true(n_told <= FILES_MAX);
    for (uint32_t i = 0; i < n_told; i++) {
        told[i].name = gold_take(&gold, GOLD_NAME);
        for (uint32_t v = 0; v < 2; v++) {
            struct view *view = &told[i].views[v];
            view->top = gold_u32(&gold);
            view->left = gold_u32(&gold);
            view->side = gold_u32(&gold);
            view->rgb = gold_take(&gold, VIEW_BYTES);
        }
    }
    assert_int_equal(gold.at, gold.len);
}

static const struct told *told_of(const char *name)
{
    for (uint32_t i = 0; i < n_told; i++)
        if (strcmp(told[i].name, name) == 0)
            return &told[i];
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    node_new(&node);
    plant_odd();
    read_gold();
    node.lines = "workers: 1\nslots: 2\nslot_mib: 1\nbad_rate_max: 1";
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    end_with_good();
    node_done(&node);
    free(gold.bytes);
    return 0;
}

/* Processor time of the workers, those that have ended included. */
static uint64_t cpu_ms(void)
{
    pid_t pids[9] = {node.pid};
    uint64_t ticks = 0;
    const uint32_t n = 1 + children_of(node.pid, pids + 1, 8);
    for (uint32_t i = 0; i < n; i++) {
        char path[64];
        unsigned long own[2] = {0}, ended[2] = {0};
        snprintf(path, sizeof path, "/proc/%d/stat", pids[i]);
        auto_fclose FILE *f = fopen(path, "r");
        if (f &&
            fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
                   &own[0], &own[1], &ended[0], &ended[1]) == 4)
            ticks += i == 0 ? ended[0] + ended[1] : own[0] + own[1];
    }
    return ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint32_t n_rendered, n_compared, n_replaced, n_changed;

/* NULL, or what is wrong with a rendered file. */
static const char *compare(const struct client *c, const struct told *pillow)
{
    for (uint32_t v = 0; v < 2; v++) {
        const struct omega *o = &c->message.batch.omega[v];
        const struct view *theirs = &pillow->views[v];
        const uint8_t *ours = c->in.frames[v].data;
        if (o->crop_top != (int32_t)theirs->top || o->crop_left != (int32_t)theirs->left ||
            o->crop_height != (int32_t)theirs->side)
            return "it has another size than Pillow's";
        for (uint32_t i = 0; i < VIEW_BYTES; i++) {
            n_changed += ours[i] != theirs->rgb[i];
            if (abs(ours[i] - theirs->rgb[i]) > FARTHEST)
                return v ? "its middle is not Pillow's" : "it is not Pillow's";
        }
    }
    return NULL;
}

static const char *judge(struct client *c, uint32_t file)
{
    const struct wire_batch *b = &c->message.batch;
    char path[64];
    if (b->n_substituted == 0) {
        const struct told *pillow = told_of(names[file]);
        n_rendered++;
        n_compared += pillow != NULL;
        return pillow ? compare(c, pillow) : NULL;
    }
    n_replaced++;
    snprintf(path, sizeof path, "/%04u.jpg: ", file);
    if (b->substituted[0].sample != NODE_SAMPLES + file || b->substituted[0].fault == FAULT_NONE)
        return "another sample or no fault is named";
    if (b->substituted[0].fault == FAULT_CRASH || b->substituted[0].fault == FAULT_DEADLINE)
        return "a worker died of it";
    return node_logged(&node, path) ? NULL : "the log has no reason";
}

static void test_every_file(void **state)
{
    (void)state;
    start_with_good(&node);
    struct spec spec = {.dataset = "set", .seed = 1, .batch = 1, .n_views = 2};
    view_spec_eval(&spec.views[0], SIDE, SIDE);
    view_spec_eval(&spec.views[1], SIDE, OMEGA_VIEW_MAX);
    struct client *c = client_new(node.endpoint);
    client_hello(c);
    client_open(c, &spec);
    assert_int_equal(c->batches, NODE_SAMPLES + n_files);
    uint32_t wrong = 0;
    uint64_t longest_ms = 0;
    for (uint32_t i = 0; i < n_files; i++) {
        const uint64_t begin_ms = cpu_ms();
        client_get(c, 0, NODE_SAMPLES + i);
        const uint64_t took_ms = cpu_ms() - begin_ms;
        const char *fault = judge(c, i);
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
        if (!fault && took_ms > CPU_MAX_MS)
            fault = "it takes too long";
        if (fault)
            print_message("%s: %s (%llu ms)\n", names[i], fault, (unsigned long long)took_ms);
        wrong += fault != NULL;
    }
    const double changed = 100. * n_changed / (2. * VIEW_BYTES * n_compared);
    print_message("%u files: %u rendered, %u of them compared with Pillow (%.1f %% of the bytes "
                  "differ, by 1), %u replaced; the longest took %llu ms; %u wrong\n",
                  n_files, n_rendered, n_compared, changed, n_replaced,
                  (unsigned long long)longest_ms, wrong);
    client_free(c);
    assert_serving(&node);
    node_end(&node);
    assert_int_equal(wrong, 0);
    assert_true(changed <= CHANGED_PERCENT_MAX);
    assert_true(n_files >= FILES_MIN && n_compared >= COMPARED_MIN);
}

int main(void)
{
    if (!real_data("odd.tar"))
        return REAL_DATA_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_file, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
