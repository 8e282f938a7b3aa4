/* SPDX-License-Identifier: Apache-2.0 */
/* views: a features file's pixels come back by row; a file without any, or with others, is refused.
 * What comes out of batches the flow tests compare. */
#include "test.h"

#include "retrieval_bed.h"
#include "tools/evaluate/views.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct retrieval_bed bed;
static char folder[] = "/tmp/augstream-test-XXXXXX", path[64];

static int setup(void **state)
{
    (void)state;
    retrieval_bed_make(&bed);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/f.safetensors", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void test_read(void **state)
{
    (void)state;
    struct views v = {.n = 0};
    assert_int_equal(table_write(&bed.bank, bed.bank_views[0][0], BED_SIDE, path), 0);
    assert_int_equal(views_read(path, BED_BANK, &v), 0);
    assert_int_equal(v.side, BED_SIDE);
    for (size_t r = 0; r < BED_BANK; r++)
        assert_memory_equal(views_at(&v, r), bed.bank_views[r], sizeof bed.bank_views[r]);
    views_done(&v);
    assert_int_equal(views_read(path, BED_BANK + 1, &v), -EBADMSG);
    assert_non_null(strstr(err_text(), "views: not U8 [1,7,S,S,3]"));
}

static void write_views(enum safetensors_dtype dtype, int ndim, const int64_t *shape)
{
    struct safetensors_out *out = NULL;
    void *data = calloc(1, 1 << 16);
    assert_non_null(data);
    assert_int_equal(safetensors_out_new(&out), 0);
    assert_int_equal(safetensors_add(out, "views", dtype, ndim, shape, data), 0);
    assert_int_equal(safetensors_write(out, path), 0);
    safetensors_out_free(out);
    free(data);
}

static void test_refused(void **state)
{
    (void)state;
    struct views v = {.n = 0};
    assert_int_equal(table_write(&bed.bank, NULL, 0, path), 0);
    assert_int_equal(views_read(path, BED_BANK, &v), -ENODATA);
    assert_non_null(strstr(err_text(), "features --views"));
    const struct {
        enum safetensors_dtype dtype;
        int ndim;
        int64_t shape[5];
    } rows[] = {
        {ST_F32, 5, {1, 6, 4, 4, 3}}, {ST_U8, 4, {6, 4, 4, 3}},    {ST_U8, 5, {2, 6, 4, 4, 3}},
        {ST_U8, 5, {1, 6, 4, 5, 3}},  {ST_U8, 5, {1, 6, 4, 4, 4}}, {ST_U8, 5, {1, 6, 0, 0, 3}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_views(rows[i].dtype, rows[i].ndim, rows[i].shape);
        assert_int_equal(views_read(path, BED_BANK, &v), -EBADMSG);
    }
    assert_null(v.pixels);
    views_done(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
