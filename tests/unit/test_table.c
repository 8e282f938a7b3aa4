/* SPDX-License-Identifier: Apache-2.0 */
/* table: what is written reads back; what is no whole, finite table is refused, with the place that
 * is wrong. */
#include "test.h"

#include "tools/evaluate/table.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 3, D = 2 };

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/f.safetensors", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* also says that no temporary file was left */
}

/* What a file is made of; the tests spoil one thing at a time. */
struct parts {
    float x[N * D], boxes[N * 4];
    int64_t labels[N], samples[N], n, n_labels, wide;
    const char *classes, *mean, *without, *names;
    bool no_boxes;
};

static struct parts good(void)
{
    return (struct parts){
        .x = {1, 2, -3, 4, 0, -6},
        .boxes = {0, 0, 1, 1, NAN, NAN, NAN, NAN, 0.25f, 0.5f, 0.5f, 0.125f},
        .labels = {0, -1, 2},
        .samples = {7, 8, 9},
        .n = N,
        .n_labels = N,
        .wide = D,
        .classes = "5",
    };
}

static void put(const struct parts *p)
{
    struct safetensors_out *out;
    assert_int_equal(safetensors_out_new(&out), 0);
    const struct {
        const char *name;
        enum safetensors_dtype dtype;
        int ndim;
        int64_t shape[2];
        const void *data;
    } rows[] = {
        {"features", ST_F32, 2, {p->n, p->wide}, p->x},
        {"labels", ST_I64, 1, {p->n_labels}, p->labels},
        {"samples", ST_I64, 1, {p->n}, p->samples},
        {"boxes", ST_F32, 2, {p->n, 4}, p->boxes},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows) - p->no_boxes; i++)
        if (!p->without || strcmp(p->without, rows[i].name) != 0)
            assert_int_equal(safetensors_add(out, rows[i].name, rows[i].dtype, rows[i].ndim,
                                             rows[i].shape, rows[i].data),
                             0);
    if (p->classes)
        assert_int_equal(safetensors_meta(out, "classes", p->classes), 0);
    if (p->names)
        assert_int_equal(safetensors_meta(out, "class_names", p->names), 0);
    if (p->mean)
        assert_int_equal(safetensors_meta(out, "mean", p->mean), 0);
    assert_int_equal(safetensors_write(out, path), 0);
    safetensors_out_free(out);
}

static void refused(const struct parts *p, int code, const char *text)
{
    struct table t = {.name = ""};
    put(p);
    assert_int_equal(table_read(path, &t), code);
    if (!strstr(err_text(), text) || !strstr(err_text(), path))
        fail_msg("'%s' says not '%s' and '%s'", err_text(), text, path);
    assert_null(t.f.x);
}

static void test_reads(void **state)
{
    (void)state;
    struct parts p = good();
    struct table t = {.name = ""};
    put(&p);
    assert_int_equal(table_read(path, &t), 0);
    assert_int_equal(t.f.n, N);
    assert_int_equal(t.f.d, D);
    assert_int_equal(t.f.classes, 5);
    assert_memory_equal(t.f.x, p.x, sizeof p.x);
    assert_memory_equal(t.f.labels, p.labels, sizeof p.labels);
    assert_memory_equal(t.f.samples, p.samples, sizeof p.samples);
    assert_memory_equal(t.boxes, p.boxes, sizeof p.boxes);
    assert_string_equal(t.name, path);
    assert_int_equal(table_labelled(&t), -EBADMSG);
    assert_non_null(strstr(err_text(), "row 1 (sample 8) has no label"));
    t.f.labels[1] = 0;
    assert_int_equal(table_labelled(&t), 0);
    table_done(&t);
    assert_null(t.boxes);

    p.classes = NULL; /* then as many as the labels ask for */
    p.no_boxes = true;
    put(&p);
    assert_int_equal(table_read(path, &t), 0);
    assert_int_equal(t.f.classes, 3);
    assert_null(t.boxes);
    table_done(&t);
}

static void test_names(void **state)
{
    (void)state;
    struct parts p = good();
    struct table t = {.name = ""};
    char words[TABLE_CLASS_MAX];
    put(&p);
    assert_int_equal(table_read(path, &t), 0);
    assert_null(table_class(&t, 2)); /* not told */
    assert_string_equal(table_class_words(&t, 2, words), "2");
    table_done(&t);

    p.names = "[\"cat\", \"d\", \"a \\\"b\\\" <c>\", \"caf\\u00e9\", \"9\"]";
    put(&p);
    for (int i = 0; i < 2; i++) { /* and once more as we write them */
        assert_int_equal(table_read(path, &t), 0);
        assert_string_equal(table_class(&t, 0), "cat");
        assert_string_equal(table_class(&t, 2), "a \"b\" <c>");
        assert_string_equal(table_class(&t, 3), "caf\xc3\xa9");
        assert_string_equal(table_class_words(&t, 4, words), "4 (9)");
        assert_null(table_class(&t, 5));
        assert_null(table_class(&t, -1));
        assert_int_equal(table_write(&t, NULL, 0, path), 0);
        table_done(&t);
    }

    static const char *const wrong[] = {"[\"a\", \"b\", \"c\", \"d\"]",
                                        "{}",
                                        "7",
                                        "",
                                        "[\"a\"",
                                        "[]",
                                        "[\"a\\u0000\", \"b\", \"c\", \"d\", \"e\"]"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        p.names = wrong[i];
        refused(&p, -EBADMSG, "class_names is no JSON array of 5 texts");
    }
    p.names = "[\"a\", \"b\", 3, \"d\", \"e\"]";
    refused(&p, -EBADMSG, "class 2: no text");
    p.names = "[\"a\", \"\", \"c\", \"d\", \"e\"]";
    refused(&p, -EBADMSG, "class 1: a name has 1 to 255 bytes");
    p.names = "[\"a\", \"b\", \"c\", \"d\", \"\\u001b[2J\"]";
    refused(&p, -EBADMSG, "class 4: has a control character");
}

static void test_not_finite(void **state)
{
    (void)state;
    struct parts p = good();
    p.x[3] = NAN;
    refused(&p, -EBADMSG, "row 1, column 1 of features is nan");
    p.x[3] = 0;
    p.x[4] = -INFINITY;
    refused(&p, -EBADMSG, "row 2, column 0 of features is -inf");
}

static void test_several(void **state)
{
    (void)state;
    struct parts p = good();
    struct table t = {.name = ""};
    p.labels[0] = p.labels[1] = p.labels[2] = 2;
    put(&p);
    assert_int_equal(table_read(path, &t), 0);
    assert_int_equal(table_several(&t), -EBADMSG);
    assert_non_null(strstr(err_text(), ": all 3 rows are of class 2: there is nothing to tell"));
    t.f.labels[2] = 0;
    assert_int_equal(table_several(&t), 0);
    table_done(&t);
}

static void test_fits(void **state)
{
    (void)state;
    struct parts p = good();
    struct table t = {.name = ""};
    p.x[3] = 1e5f;
    p.x[4] = -1e30f;
    put(&p);
    assert_int_equal(table_read(path, &t), 0); /* knn has no trouble with it */
    assert_int_equal(table_fits(&t), -EBADMSG);
    assert_non_null(strstr(err_text(), "row 2, column 0 of features is -1e+30: beyond 100000 "));
    assert_non_null(strstr(err_text(), path));
    t.f.x[4] = -1e5f;
    assert_int_equal(table_fits(&t), 0);
    table_done(&t);
}

static void test_shapes(void **state)
{
    (void)state;
    struct parts p = good();
    p.without = "features";
    refused(&p, -EBADMSG, "lacks the tensor features");
    p.without = "labels";
    refused(&p, -EBADMSG, "labels");
    p = good();
    p.n_labels = N - 1;
    refused(&p, -EBADMSG, "labels is I64 [2]");
    p = good();
    p.wide = 0;
    refused(&p, -EBADMSG, "features is [3,0]");
    p = good();
    p.n = p.n_labels = 0;
    refused(&p, -ENODATA, "has no rows");
}

static void test_labels(void **state)
{
    (void)state;
    struct parts p = good();
    p.labels[0] = -2;
    refused(&p, -EBADMSG, "row 0 has label -2");
    p = good();
    p.classes = "2";
    refused(&p, -EBADMSG, "row 2 has label 2 of 2 classes");
    p.classes = NULL;
    p.labels[2] = INT64_MAX;
    refused(&p, -EBADMSG, "a label is 9223372036854775807");
    p = good();
    p.classes = "many";
    refused(&p, -EBADMSG, "classes is 'many'");
    p.classes = "-1";
    refused(&p, -EBADMSG, "classes is '-1'");
    p = good();
    p.mean = "0.5 0.5";
    refused(&p, -EBADMSG, "not three numbers");
}

static void test_boxes(void **state)
{
    (void)state;
    static const float bad[][4] = {
        {-0.1f, 0, 1, 1},   {0, 0, 0, 1},   {0, 0, 1, -1},       {0.5f, 0, 0.6f, 1},
        {0, 0.5f, 1, 0.6f}, {0, NAN, 1, 1}, {0, 0, INFINITY, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct parts p = good();
        memcpy(p.boxes + 8, bad[i], sizeof bad[i]);
        refused(&p, -EBADMSG, "row 2: box");
    }
}

static void test_writes(void **state)
{
    (void)state;
    struct parts p = good();
    struct table t = {.f = {N, D, p.x, p.labels, p.samples, 1, 5},
                      .boxes = p.boxes,
                      .name = "flowers",
                      .mean = {0.1, 0.2, 0.3},
                      .std = {0.4, 0.5, 0.6}},
                 back = {.name = ""};
    const uint8_t views[N * 2 * 2 * 3] = {9};
    assert_int_equal(table_write(&t, views, 2, path), 0);
    assert_int_equal(table_read(path, &back), 0);
    assert_memory_equal(back.f.x, p.x, sizeof p.x);
    assert_memory_equal(back.f.labels, p.labels, sizeof p.labels);
    assert_memory_equal(back.f.samples, p.samples, sizeof p.samples);
    assert_memory_equal(back.boxes, p.boxes, sizeof p.boxes);
    assert_int_equal(back.f.substituted, 1);
    assert_int_equal(back.f.classes, 5);
    assert_true(back.mean[1] == 0.2 && back.std[2] == 0.6);
    table_done(&back);

    struct safetensors *st;
    const void *data;
    assert_int_equal(safetensors_open(path, &st), 0);
    assert_int_equal(safetensors_expect(st, "views", ST_U8, 5, (int64_t[]){1, N, 2, 2, 3}, &data),
                     0);
    assert_memory_equal(data, views, sizeof views);
    assert_string_equal(safetensors_get_meta(st, "dataset"), "flowers");
    safetensors_close(st);

    unlink(path);
    p.x[5] = NAN;
    assert_int_equal(table_write(&t, NULL, 0, path), -EBADMSG);
    assert_non_null(strstr(err_text(), "flowers: row 2, column 1"));
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_labels),     cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_several),    cmocka_unit_test(test_fits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
