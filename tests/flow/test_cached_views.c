/* SPDX-License-Identifier: Apache-2.0 */
/* cached_views: views of a picture from the cache are those of the part that their crops need, byte
 * for byte, and so is every fault: over photographs, odd and hostile files, and small flowers, with
 * the cache and without it, whichever came first. Needs fullsize.tar, odd.tar and flowers160.tar of
 * the real images; skipped without. */
#include "tests/unit/real_data.h"
#include "tests/unit/test.h"

#include "common/err.h"
#include "common/file.h"
#include "loaderd/render.h"

#include <stdlib.h>
#include <string.h>

enum {
    TAR_BLOCK = 512,
    SIZE = 64,
    VIEWS = 2,
    DRAWS = 3,
    ROOM = 48 << 20, /* for one picture: the largest odd ones do not fit, which is a case too */
};

/* What came of one sample. */
struct result {
    int code;
    enum wire_fault fault;
    char text[256];
    struct omega omega[VIEWS];
    uint8_t pixels[VIEWS][3 * SIZE * SIZE];
};

static struct spec spec = {.dataset = "test", .seed = 5, .batch = 1, .n_views = VIEWS};
static uint8_t *room[RENDER_REDUCTIONS];
static uint64_t used, put, parts; /* renderings of the kinds that there are */

static void render(struct render *r, const struct item *item, uint32_t draw,
                   struct render_cache *cache, struct result *ret)
{
    struct render_task task = {.item = item, .spec = &spec, .epoch = draw, .cache = cache};
    memset(ret, 0, sizeof *ret);
    for (int v = 0; v < VIEWS; v++) {
        task.out[v] = ret->pixels[v];
        task.omega[v] = &ret->omega[v];
    }
    ret->code = render_sample(r, &task, &ret->fault);
    if (ret->code < 0)
        snprintf(ret->text, sizeof ret->text, "%s", err_text());
}

static void same(const struct item *item, const struct result *a, const struct result *b)
{
    if (a->code != b->code || a->fault != b->fault || strcmp(a->text, b->text) != 0)
        fail_msg("%s at %llu: '%s' without the cache, '%s' with it", item->path,
                 (unsigned long long)item->offset, a->text, b->text);
    if (a->code < 0)
        return;
    if (memcmp(a->omega, b->omega, sizeof a->omega) != 0)
        fail_msg("%s at %llu: another omega", item->path, (unsigned long long)item->offset);
    if (memcmp(a->pixels, b->pixels, sizeof a->pixels) != 0)
        fail_msg("%s at %llu: other pixels", item->path, (unsigned long long)item->offset);
}

/* One rendering as the daemon has it made: what an earlier one put is there, what this one puts
 * will be. */
static void render_cached(struct render *r, const struct item *item, uint32_t draw,
                          struct render_cache *known, struct result *ret)
{
    struct render_cache cache = *known;
    for (uint32_t i = 0; i < RENDER_REDUCTIONS && !cache.fill; i++)
        if (!cache.whole[i])
            cache.fill = room[i];
    cache.fill_bytes = cache.fill ? ROOM : 0;
    uint8_t *put_at = cache.fill;
    render(r, item, draw, &cache, ret);
    used += cache.used;
    put += cache.filled > 0;
    parts += !cache.used && cache.filled == 0;
    assert_true(!cache.used || cache.filled == 0);
    if (cache.filled == 0)
        return;
    assert_int_equal(ret->code, 0);
    for (uint32_t i = 0; i < RENDER_REDUCTIONS; i++)
        if (cache.filled_reduce == 1u << i) {
            assert_null(known->whole[i]);
            if (put_at != room[i]) /* each reduction has its own place here */
                memcpy(room[i], put_at, cache.filled);
            known->whole[i] = room[i];
        }
    known->picture = cache.filled_picture;
}

static void check_item(struct render *plain, struct render *other, const struct item *item)
{
    static struct result before, with, again, after;
    for (int reduced = 0; reduced < 2; reduced++) {
        struct render_cache known = {.used = false};
        spec.reduce = reduced;
        for (uint32_t draw = 0; draw < DRAWS; draw++) {
            if (draw % 2 == 0)
                render(plain, item, draw, NULL, &before);
            render_cached(other, item, draw, &known, &with);
            render_cached(other, item, draw, &known, &again);
            render(plain, item, draw, NULL, &after);
            if (draw % 2 == 0)
                same(item, &before, &with);
            same(item, &after, &with);
            same(item, &after, &again);
        }
    }
}

/* Each plain file of a tar, where it lies; at most `most`. */
static uint32_t check_tar(const char *path, uint32_t most)
{
    struct render *plain, *other;
    assert_int_equal(render_new(&plain), 0);
    assert_int_equal(render_new(&other), 0);
    char *tar;
    size_t len;
    uint32_t n = 0;
    assert_int_equal(file_read(path, 64 << 20, &tar, &len), 0);
    for (size_t at = 0; len - at >= TAR_BLOCK && tar[at] && n < most;) {
        const char *header = tar + at;
        struct item item = {.sample = n, .label = -1, .coding = ITEM_FILE};
        item.offset = at + TAR_BLOCK;
        item.length = strtoul(header + 124, NULL, 8);
        snprintf(item.path, sizeof item.path, "%s", path);
        at = item.offset + (item.length + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
        if ((header[156] != '0' && header[156] != 0) || item.length == 0)
            continue;
        check_item(plain, other, &item);
        n++;
    }
    free(tar);
    render_free(plain);
    render_free(other);
    return n;
}

/* Of each set: all three kinds of rendering must have been seen. */
static void check_set(const char *name, uint32_t most, uint32_t least)
{
    const char *path = real_data(name);
    assert_non_null(path);
    used = put = parts = 0;
    const uint32_t n = check_tar(path, most);
    printf("%s: %u files; %llu renderings from the cache, %llu put there, %llu neither\n", name, n,
           (unsigned long long)used, (unsigned long long)put, (unsigned long long)parts);
    assert_true(n >= least);
    assert_true(used > n && put >= n / 2);
}

static void test_photographs(void **state)
{
    (void)state;
    check_set("fullsize.tar", UINT32_MAX, 50);
}

static void test_odd(void **state)
{
    (void)state;
    check_set("odd.tar", UINT32_MAX, 300);
    assert_true(parts > 100); /* what is bad, or too large */
}

static void test_flowers(void **state)
{
    (void)state;
    check_set("flowers160.tar", UINT32_MAX, 2000);
}

int main(void)
{
    if (!real_data("fullsize.tar") || !real_data("odd.tar") || !real_data("flowers160.tar"))
        return REAL_DATA_SKIP;
    for (int v = 0; v < VIEWS; v++)
        spec.views[v] = (struct view_spec){
            .size = SIZE,
            .scale = {0.05, 1},
            .ratio = {0.75, 4.0 / 3},
            .flip = 0.5,
            .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
            .grayscale = 0.2,
            .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = 7}};
    for (int i = 0; i < RENDER_REDUCTIONS; i++)
        if (!(room[i] = malloc(ROOM)))
            return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_photographs),
        cmocka_unit_test(test_odd),
        cmocka_unit_test(test_flowers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
