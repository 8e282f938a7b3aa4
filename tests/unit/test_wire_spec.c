/* SPDX-License-Identifier: Apache-2.0 */
/* wire_spec: a spec comes out as it went in, with as many views as there may be, no two of one law,
 * in an OpenSession and in a Tap; every field of it is carried, and more views than fit are refused
 * before any is looked at. */
#include "test.h"

#include "wire_samples.h"

#include <errno.h>

static struct wire *wire;

static int setup(void **state)
{
    (void)state;
    return wire_new(64, &wire);
}

static int teardown(void **state)
{
    (void)state;
    wire_free(wire);
    return 0;
}

static void every_view(struct spec *spec)
{
    sample_spec(spec);
    spec->n_views = OMEGA_VIEWS_MAX;
    for (uint32_t v = 0; v < OMEGA_VIEWS_MAX; v++) {
        spec->views[v] = spec->views[v % 2];
        spec->views[v].size = 8 + v;
        spec->views[v].scale[0] = 0.01 * (v + 1);
        spec->views[v].blur.p = 1.0 / (v + 1);
        spec->views[v].solarize.p = 1.0 / (v + 2);
    }
}

static void test_every_view(void **state)
{
    (void)state;
    static struct wire_message m, back;
    m.type = WIRE_OPEN_SESSION;
    m.open_session.request = 3;
    every_view(&m.open_session.spec);
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(wire, &m, &bytes, &len), 0);
    assert_int_equal(wire_unpack(wire, bytes, len, &back), 0);
    assert_memory_equal(&back, &m, sizeof back);
}

/* One spec's traces are not found in the next one's message. */
static void test_fewer_views_next(void **state)
{
    (void)state;
    static struct spec many, few, back;
    every_view(&many);
    sample_spec(&few);
    few.views[1] = (struct view_spec){.size = 1};
    assert_int_equal(wire_read_spec(wire_fill_spec(wire, &many), &back), 0);
    memset(&back, 0, sizeof back);
    assert_int_equal(wire_read_spec(wire_fill_spec(wire, &few), &back), 0);
    assert_memory_equal(&back, &few, sizeof back);
}

static void test_more_than_fits(void **state)
{
    (void)state;
    static struct spec spec, back;
    sample_spec(&spec);
    Augstream__V1__Spec *p = wire_fill_spec(wire, &spec);
    p->n_views = OMEGA_VIEWS_MAX + 1;
    p->views = NULL;
    assert_int_equal(wire_read_spec(p, &back), -EBADMSG);
    assert_non_null(strstr(err_text(), "spec.views"));
    p = wire_fill_spec(wire, &spec);
    char name[WIRE_NAME_MAX + 1];
    memset(name, 'x', WIRE_NAME_MAX);
    name[WIRE_NAME_MAX] = 0;
    p->dataset = name;
    assert_int_equal(wire_read_spec(p, &back), -EBADMSG);
    assert_non_null(strstr(err_text(), "spec.dataset"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_view),
        cmocka_unit_test(test_fewer_views_next),
        cmocka_unit_test(test_more_than_fits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
