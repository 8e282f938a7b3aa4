/* SPDX-License-Identifier: Apache-2.0 */
/* test_resnet: names and shapes are torchvision's (tests/gold/<arch>.txt); how it begins. */
#include "resnet_bed.h"

#include <inttypes.h>
#include <stdio.h>

/* One tensor of ours as a line of the table. */
static void param_line(const struct param *p, char *ret, size_t cap)
{
    int n = snprintf(ret, cap, "%s", p->name + strlen("backbone."));
    for (int i = 0; i < p->ndim; i++)
        n += snprintf(ret + n, cap - (size_t)n, " %" PRId64, p->shape[i]);
}

static void buffer_line(const struct buffer *b, char *ret, size_t cap)
{
    int n = snprintf(ret, cap, "%s", b->name + strlen("backbone."));
    if (b->count > 0)
        snprintf(ret + n, cap - (size_t)n, " %" PRId64, b->count);
}

/* Every line of the table is the next parameter or the next buffer: same names, shapes, order. */
static void check_names(const struct resnet_arch *arch)
{
    make(&(struct resnet_config){.arch = arch, .rows = 4, .size = 32, .width = 64, .groups = 2});
    char path[1024], line[256];
    snprintf(path, sizeof(path), "%s/gold/%s.txt", TESTS_DIR, arch->name);
    auto_fclose FILE *table = fopen(path, "r");
    assert_non_null(table);
    size_t p = 0, b = 0;
    while (fgets(line, sizeof(line), table)) {
        line[strcspn(line, "\n")] = 0;
        char ours[256] = "";
        if (p < f.net->n_params)
            param_line(&f.net->param[p], ours, sizeof(ours));
        if (strcmp(line, ours) == 0) {
            p++;
            continue;
        }
        assert_true(b < f.net->n_buffers);
        buffer_line(&f.net->buffer[b++], ours, sizeof(ours));
        assert_string_equal(line, ours);
    }
    assert_int_equal(p, f.net->n_params);
    assert_int_equal(b, f.net->n_buffers);
    unmake();
}

static void names(void **state)
{
    (void)state;
    for (int i = 0; i < RESNET_ARCHS; i++) {
        assert_string_equal(resnet_names[i], resnet_archs[i].name);
        check_names(&resnet_archs[i]);
    }
    assert_null(resnet_names[RESNET_ARCHS]);
}

/* gamma 0 at the end of each branch: a block without downsample passes its input through, and the
 * branch's weights get no gradient. */
static void residuals_begin_at_zero(void **state)
{
    (void)state;
    make(&(struct resnet_config){.arch = &resnet_archs[0],
                                 .rows = ROWS,
                                 .size = 16,
                                 .width = 4,
                                 .groups = 2,
                                 .cifar_stem = true,
                                 .zero_init_residual = true});
    commit();
    assert_true(net_find_param(f.net, "backbone.layer3.1.bn2.weight")->w[0] == 0);
    assert_true(net_find_param(f.net, "backbone.layer3.1.bn1.weight")->w[0] == 1);
    assert_true(net_find_param(f.net, "backbone.layer3.0.downsample.1.weight")->w[0] == 1);
    loss(NULL);
    assert_int_equal(resnet_backward(f.resnet, &f.x, &f.dy), 0);
    const struct param *inside = net_find_param(f.net, "backbone.layer2.1.conv1.weight");
    const struct param *stem = net_find_param(f.net, "backbone.conv1.weight");
    assert_true(dot(inside->d, inside->d, inside->count) == 0);
    assert_true(dot(stem->d, stem->d, stem->count) > 0);
    unmake();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(residuals_begin_at_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
