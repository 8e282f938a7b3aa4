/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_pass: which algorithm a pass takes, where it puts its scratch memory, what it does around
 * a layout that is not ours, and a plan that fails half made. */
#include "test.h"

#include "onednn_fault.h"

#include <errno.h>
#include <math.h>

static struct onednn *d;
static struct ops *ops;

static int open_table(void **state)
{
    (void)state;
    if (ops_open("onednn", 2, &ops) < 0)
        return -1;
    d = ops->state;
    return 0;
}

static int close_table(void **state)
{
    (void)state;
    ops_close(ops);
    return dnnl_held() == 0 ? 0 : -1;
}

static void describe(const struct conv_shape *s, dnnl_format_tag_t tag, struct pass_config *ret)
{
    int32_t ho = (s->h + 2 * s->pad - s->kernel) / s->stride + 1;
    int32_t wo = (s->w + 2 * s->pad - s->kernel) / s->stride + 1;
    const dnnl_dims_t x = {s->n, s->c_in, s->h, s->w}, y = {s->n, s->c_out, ho, wo};
    const dnnl_dims_t w = {s->c_out, s->c_in, s->kernel, s->kernel};
    *ret = (struct pass_config){.shape = s};
    dnnl_memory_desc_init_by_tag(&ret->md[PORT_X], 4, x, dnnl_f32, tag);
    dnnl_memory_desc_init_by_tag(&ret->md[PORT_Y], 4, y, dnnl_f32, tag);
    dnnl_memory_desc_init_by_tag(&ret->md[PORT_W], 4, w, dnnl_f32, dnnl_oihw);
}

/* One of each of ResNet-18's and -50's convolutions at 64 and 224 pixels, two rows of each. */
static const struct conv_shape resnet[] = {
    {2, 64, 64, 3, 64, 7, 2, 3, false},   {2, 224, 224, 3, 64, 7, 2, 3, false},
    {2, 16, 16, 64, 64, 3, 1, 1, true},   {2, 56, 56, 64, 64, 3, 1, 1, true},
    {2, 16, 16, 64, 128, 3, 2, 1, true},  {2, 16, 16, 64, 128, 1, 2, 0, true},
    {2, 8, 8, 128, 128, 3, 1, 1, true},   {2, 4, 4, 256, 256, 3, 1, 1, true},
    {2, 2, 2, 512, 512, 3, 1, 1, true},   {2, 56, 56, 64, 256, 1, 1, 0, true},
    {2, 56, 56, 256, 512, 1, 2, 0, true}, {2, 7, 7, 512, 2048, 1, 1, 0, true},
    {2, 14, 14, 512, 512, 3, 2, 1, true},
};

/* oneDNN's plain loops would be right and hundreds of times too slow. */
static void test_no_plain_loops(void **state)
{
    (void)state;
    if (!cpu_isa_has(CPU_AVX2)) {
        print_message("no AVX2 here: what oneDNN has for older machines is not looked at\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(resnet); i++) {
        struct conv *conv;
        dnnl_fault.n_chosen = 0;
        assert_int_equal(ops->conv_new(ops, &resnet[i], &conv), 0);
        ops->conv_free(conv);
        assert_true(dnnl_fault.n_chosen >= 4); /* two or three passes, two reorders of weights */
        for (size_t k = 0; k < dnnl_fault.n_chosen; k++)
            if (strncmp(dnnl_fault.chosen[k], "ref", 3) == 0)
                fail_msg("shape %zu: primitive %zu is %s", i, k, dnnl_fault.chosen[k]);
    }
}

/* 3x3 over ones: how many pixels of the image each window sees. tag: also one that no fast
 * implementation takes, so that there are copies in oneDNN's layout before and behind. */
static void sums(dnnl_format_tag_t tag)
{
    enum { SIDE = 6, C = 8, PIXELS = SIDE * SIDE, COUNT = PIXELS * C, WEIGHTS = C * C * 9 };
    const struct conv_shape shape = {1, SIDE, SIDE, C, C, 3, 1, 1, true};
    struct pass_config c;
    struct pass pass;
    dnnl_memory_desc_t w_md, unused;
    float *x = cpu_alloc(COUNT * 4), *y = cpu_alloc(COUNT * 4), *w = cpu_alloc(WEIGHTS * 4);
    for (size_t i = 0; i < COUNT; i++)
        x[i] = 1;
    for (size_t i = 0; i < WEIGHTS; i++)
        w[i] = 1; /* the same in any order */
    describe(&shape, tag, &c);
    c.kind = PASS_FORWARD;
    assert_int_equal(pass_new(d, &c, &pass, &w_md), 0);
    assert_int_equal(dnnl_memory_desc_get_size(&w_md), WEIGHTS * 4);
    assert_int_equal(pass.output, PORT_Y);
    assert_int_equal(pass.scratch_bytes % 64, 0);
    size_t end = 0;
    for (int i = 0; i < PORTS; i++) {
        assert_int_equal(pass.port[i].inner != NULL, pass.port[i].reorder != NULL);
        if (!pass.port[i].inner)
            continue;
        assert_true(pass.port[i].inner_at >= end && pass.port[i].inner_at % 64 == 0);
        end = pass.port[i].inner_at + 1;
        assert_true(end <= pass.scratch_bytes);
    }
    assert_int_equal(cpu_reserve(&d->cpu, pass.scratch_bytes), 0);
    assert_int_equal(pass_run(d, &pass, (void *[]){x, w, y}), 0);
    pass_done(&pass);
    float *found = cpu_alloc(COUNT * 4); /* every count that must be there, sorted by where */
    size_t corners = 0, edges = 0, inside = 0;
    for (size_t i = 0; i < COUNT; i++) {
        corners += fabsf(y[i] - 4 * C) < 1e-4f;
        edges += fabsf(y[i] - 6 * C) < 1e-4f;
        inside += fabsf(y[i] - 9 * C) < 1e-4f;
    }
    assert_int_equal(corners, 4 * C);
    assert_int_equal(edges, 4 * (SIDE - 2) * C);
    assert_int_equal(inside, (SIDE - 2) * (SIDE - 2) * C);

    c.kind = PASS_DATA; /* of such weights it is the same sum */
    c.md[PORT_W] = w_md;
    assert_int_equal(pass_new(d, &c, &pass, &unused), 0);
    assert_int_equal(pass.output, PORT_X);
    assert_int_equal(cpu_reserve(&d->cpu, pass.scratch_bytes), 0);
    assert_int_equal(pass_run(d, &pass, (void *[]){found, w, x}), 0);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(fabsf(found[i] - y[i]) < 1e-4f);
    pass_done(&pass);

    c.kind = PASS_WEIGHT;
    assert_int_equal(pass_new(d, &c, &pass, &unused), 0);
    assert_int_equal(pass.output, PORT_W);
    assert_int_equal(cpu_reserve(&d->cpu, pass.scratch_bytes), 0);
    assert_int_equal(pass_run(d, &pass, (void *[]){x, w, x}), 0);
    size_t middle = 0; /* of the nine, one sees all pixels, four miss a side, four miss two */
    for (size_t i = 0; i < WEIGHTS; i++)
        middle += fabsf(w[i] - PIXELS) < 1e-3f;
    assert_int_equal(middle, C * C);
    pass_done(&pass);
    pass_done(&pass); /* done is done */
    cpu_free(x);
    cpu_free(y);
    cpu_free(w);
    cpu_free(found);
}

static void test_layouts(void **state)
{
    (void)state;
    static const dnnl_format_tag_t tags[] = {dnnl_nhwc, dnnl_nchw, dnnl_nChw8c, dnnl_nChw4c};
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        sums(tags[i]);
}

/* Wherever the making of a pass breaks off, it leaves nothing and says what broke. */
static void test_half_made(void **state)
{
    (void)state;
    const struct conv_shape shape = {1, 6, 6, 8, 8, 3, 1, 1, true};
    for (int kind = PASS_FORWARD; kind < PASS_KINDS; kind++) {
        struct pass_config c;
        describe(&shape, dnnl_nChw4c, &c);
        c.kind = (enum pass_kind)kind;
        long held = dnnl_held();
        unsigned long nth = 1;
        for (bool failed = true; failed; nth++) {
            struct pass pass;
            dnnl_memory_desc_t w;
            dnnl_fail(nth, dnnl_out_of_memory, NULL);
            int r = pass_new(d, &c, &pass, &w);
            failed = dnnl_failed() != NULL;
            dnnl_fail(0, dnnl_success, NULL);
            assert_true(r == 0 || (failed && r == -ENOMEM));
            if (r == 0)
                pass_done(&pass);
            assert_int_equal(dnnl_held(), held);
        }
        assert_true(nth > 8);
    }
}

static void test_refused(void **state)
{
    (void)state;
    const struct conv_shape shape = {1, 6, 6, 8, 8, 3, 1, 1, true};
    struct pass_config c;
    struct pass pass;
    dnnl_memory_desc_t w;
    describe(&shape, dnnl_nhwc, &c);
    c.kind = PASS_FORWARD;
    c.md[PORT_W].dims[1] = 7; /* no such weights for 8 channels */
    long held = dnnl_held();
    assert_int_equal(pass_new(d, &c, &pass, &w), -ENOTSUP);
    assert_non_null(strstr(err_text(), "3x3"));
    assert_int_equal(dnnl_held(), held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_plain_loops),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_half_made),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, open_table, close_table);
}
