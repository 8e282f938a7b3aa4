/* SPDX-License-Identifier: Apache-2.0 */
/* backends: every slot of every back end that is built in, against ref, over one table of shapes;
 * and twice over, since the same input on the same threads must give the same bits. With --time
 * [NAME [PREFIX]] the same code prints the time of each slot at the shapes of a ResNet-18 step (64
 * px, 128 rows) and of the other methods' losses, or of the shapes whose names begin so. */
#include "cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* name, function, N, H, W, C; conv: then out, kernel, stride, pad */
/* clang-format off */
static const struct op_case checks[] = {
    /* shapes: one pixel, odd, wide, tall; channels that fill no vector, one, or some */
    {"memory 1x1x1", case_memory, 1, 1, 1, 1},
    {"memory 33x1x3", case_memory, 2, 33, 1, 3},
    {"memory 5x7x8", case_memory, 3, 5, 7, 8},
    {"memory 4x4x16", case_memory, 4, 4, 4, 16},
    {"memory 3x3x48", case_memory, 2, 3, 3, 48},
    {"memory 2x2x64", case_memory, 5, 2, 2, 64},
    {"memory [7,17]", case_memory, 7, 1, 1, 17},

    {"input 1", case_input, .n = 1, .h = 1, .w = 1},
    {"input 7x5", case_input, .n = 3, .h = 7, .w = 5},
    {"input 33", case_input, .n = 4, .h = 33, .w = 33},

    {"conv 1x1 3>3", case_conv, 1, 6, 6, 3, 3, 1, 1, 0},
    {"conv 1x1 64>48, one pixel", case_conv, 3, 1, 1, 64, 48, 1, 1, 0},
    {"conv 1x1/2 48>64, odd", case_conv, 4, 7, 5, 48, 64, 1, 2, 0},
    {"conv 1x1/2 64>128", case_conv, 2, 8, 8, 64, 128, 1, 2, 0},
    {"conv 3x3 1>1", case_conv, 2, 4, 4, 1, 1, 3, 1, 1},
    {"conv 3x3 3>8, one column", case_conv, 1, 33, 1, 3, 8, 3, 1, 1},
    {"conv 3x3 3>64, first", case_conv, 2, 32, 32, 3, 64, 3, 1, 1, .first = true},
    {"conv 3x3 8>16, odd", case_conv, 3, 17, 15, 8, 16, 3, 1, 1},
    {"conv 3x3 16>16, no pad", case_conv, 2, 9, 10, 16, 16, 3, 1, 0},
    {"conv 3x3 17>19/2, odd all over", case_conv, 2, 5, 7, 17, 19, 3, 2, 1},
    {"conv 3x3/2 16>48", case_conv, 2, 16, 16, 16, 48, 3, 2, 1},
    {"conv 3x3/2 48>64, odd", case_conv, 2, 15, 33, 48, 64, 3, 2, 1},
    {"conv 3x3 64>64", case_conv, 4, 16, 16, 64, 64, 3, 1, 1},
    {"conv 3x3 64>64, one pixel", case_conv, 2, 1, 1, 64, 64, 3, 1, 1},
    {"conv 3x3 64>64, 2 pixels", case_conv, 3, 2, 2, 64, 64, 3, 1, 1},
    {"conv 3x3/2 256>512", case_conv, 2, 4, 4, 256, 512, 3, 2, 1},
    {"conv 5x5 16>8", case_conv, 2, 13, 13, 16, 8, 5, 1, 2},
    {"conv 4x4/3 3>8, rest left over", case_conv, 1, 12, 11, 3, 8, 4, 3, 0},
    {"conv 7x7/2 3>64, stem", case_conv, 2, 33, 31, 3, 64, 7, 2, 3, .first = true},
    {"conv 7x7/2 3>64, stem with dx", case_conv, 2, 32, 32, 3, 64, 7, 2, 3},

    {"bn [2,3]", case_bn, 2, 1, 1, 3, .groups = 1},
    {"bn [8,64] relu, 2 groups", case_bn, 8, 1, 1, 64, .groups = 2, .relu = true},
    {"bn [6,48] plain, 2 groups", case_bn, 6, 1, 1, 48, .groups = 2, .plain = true},
    {"bn 1x2x8", case_bn, 1, 1, 2, 8, .groups = 1, .relu = true},
    {"bn 5x7x3", case_bn, 3, 5, 7, 3, .groups = 1},
    {"bn 33x1x16 relu", case_bn, 2, 33, 1, 16, .groups = 2, .relu = true},
    {"bn 4x4x48 add", case_bn, 4, 4, 4, 48, .groups = 1, .add = true},
    {"bn 4x4x17 add relu", case_bn, 4, 4, 4, 17, .groups = 2, .add = true, .relu = true},
    {"bn 16x16x64 add relu", case_bn, 4, 16, 16, 64, .groups = 2, .add = true, .relu = true},
    {"bn 33x33x64 relu, 3 groups", case_bn, 6, 33, 33, 64, .groups = 3, .relu = true},
    {"bn 8x8x64 plain add relu", case_bn, 4, 8, 8, 64, .groups = 2, .add = true, .relu = true,
     .plain = true},
    {"bn 2x2x512 add relu", case_bn, 16, 2, 2, 512, .groups = 2, .add = true, .relu = true},

    {"maxpool 3x3/2 stem", case_maxpool, 2, 32, 32, 64, .kernel = 3, .stride = 2, .pad = 1},
    {"maxpool 3x3/2, ties", case_maxpool, 2, 16, 16, 16, .kernel = 3, .stride = 2, .pad = 1,
     .levels = 3},
    {"maxpool 3x3/2, odd", case_maxpool, 3, 33, 7, 48, .kernel = 3, .stride = 2, .pad = 1},
    {"maxpool 3x3/2, one pixel", case_maxpool, 2, 1, 1, 8, .kernel = 3, .stride = 2, .pad = 1},
    {"maxpool 2x2/2, rest left over", case_maxpool, 2, 5, 9, 3, .kernel = 2, .stride = 2,
     .levels = 4},
    {"maxpool 3x3/1", case_maxpool, 1, 6, 5, 17, .kernel = 3, .stride = 1, .pad = 1, .levels = 2},

    {"avgpool 1x1x3", case_avgpool, 2, 1, 1, 3},
    {"avgpool 3x5x17", case_avgpool, 3, 3, 5, 17},
    {"avgpool 2x2x64", case_avgpool, 4, 2, 2, 64},
    {"avgpool 7x7x48", case_avgpool, 2, 7, 7, 48},
    {"avgpool 33x33x8", case_avgpool, 1, 33, 33, 8},

    {"linear 1 > 1", case_linear, .n = 1, .c = 1, .out = 1},
    {"linear 3 > 4", case_linear, .n = 5, .c = 3, .out = 4},
    {"linear 17 > 1, no bias", case_linear, .n = 3, .c = 17, .out = 1, .plain = true},
    {"linear 64 > 48, no bias", case_linear, .n = 16, .c = 64, .out = 48, .plain = true},
    {"linear 48 > 64", case_linear, .n = 33, .c = 48, .out = 64},
    {"linear 512 > 300, no bias", case_linear, .n = 8, .c = 512, .out = 300, .plain = true},
    {"linear 1024 > 512", case_linear, .n = 6, .c = 1024, .out = 512},

    {"pair [2,3]", case_pair, .n = 2, .c = 3},
    {"pair [10,17]", case_pair, .n = 10, .c = 17},
    {"pair [16,64]", case_pair, .n = 16, .c = 64},

    {"vector [2,1]", case_vector, .n = 2, .c = 1},
    {"vector [5,17]", case_vector, .n = 5, .c = 17},
    {"vector [32,300]", case_vector, .n = 32, .c = 300},

    {"cosine [2,3]", case_loss_cosine, .n = 2, .c = 3, .scale = 1},
    {"cosine [16,48]", case_loss_cosine, .n = 16, .c = 48, .scale = 1},
    {"cosine [6,300], long", case_loss_cosine, .n = 6, .c = 300, .scale = 1e3f},
    {"cosine [6,33], short", case_loss_cosine, .n = 6, .c = 33, .scale = 1e-3f},
    {"mse_tanh [2,4]", case_loss_mse_tanh, .n = 2, .c = 4, .scale = 1},
    {"mse_tanh [31,4]", case_loss_mse_tanh, .n = 31, .c = 4, .scale = 3},
    {"mse_tanh [8,1], saturated", case_loss_mse_tanh, .n = 8, .c = 1, .scale = 100},
    {"bce [2,1]", case_loss_bce, .n = 2, .c = 1, .scale = 1},
    {"bce [33,1]", case_loss_bce, .n = 33, .c = 1, .scale = 5},
    {"bce [16,3], saturated", case_loss_bce, .n = 16, .c = 3, .scale = 200},
    {"softmax [1,4]", case_loss_softmax, .n = 1, .c = 4, .scale = 1},
    {"softmax [32,4]", case_loss_softmax, .n = 32, .c = 4, .scale = 5},
    {"softmax [7,100], saturated", case_loss_softmax, .n = 7, .c = 100, .scale = 200},

    {"units [1,1]", case_units, .n = 1, .c = 1},
    {"units [1,128]", case_units, .n = 1, .c = 128},
    {"units [5,17]", case_units, .n = 5, .c = 17},
    {"units [32,300]", case_units, .n = 32, .c = 300},
    {"info_nce [1,1]", case_info_nce, .n = 1, .c = 1, .scale = 1},
    {"info_nce [1,65536]", case_info_nce, .n = 1, .c = 65536, .scale = 1},
    {"info_nce [3,65535]", case_info_nce, .n = 3, .c = 65535, .scale = 1},
    {"info_nce [17,33]", case_info_nce, .n = 17, .c = 33, .scale = 1},
    {"info_nce [600,20], saturated", case_info_nce, .n = 600, .c = 20, .scale = 100},
    {"nt_xent 2", case_nt_xent, .n = 2, .scale = 1},
    {"nt_xent 34", case_nt_xent, .n = 34, .scale = 1},
    {"nt_xent 514, saturated", case_nt_xent, .n = 514, .scale = 100},
    {"soft_targets [1,1]", case_soft_targets, .n = 1, .c = 1, .scale = 1},
    {"soft_targets [7,19]", case_soft_targets, .n = 7, .c = 19, .scale = 1},
    {"soft_targets [5,3000]", case_soft_targets, .n = 5, .c = 3000, .scale = 1},
    {"soft_targets [9,33], saturated", case_soft_targets, .n = 9, .c = 33, .scale = 100},
    {"sinkhorn [1,1]", case_sinkhorn, .n = 1, .c = 1, .scale = 1},
    {"sinkhorn [1,100]", case_sinkhorn, .n = 1, .c = 100, .scale = 1},
    {"sinkhorn [17,33]", case_sinkhorn, .n = 17, .c = 33, .scale = 1},
    {"sinkhorn [63,3001]", case_sinkhorn, .n = 63, .c = 3001, .scale = 1},

    {"sgd 1", case_sgd, .n = 1, .c = 1},
    {"sgd 17", case_sgd, .n = 1, .c = 17},
    {"sgd 36864", case_sgd, .n = 64, .c = 576},

    {"chain 17x15, 3 channels", case_chain, 6, 17, 15, 3},
    {"chain 16x16, 8 channels", case_chain, 8, 16, 16, 8},
    {"chain 33x33, 17 channels", case_chain, 6, 33, 33, 17},
    {"chain 32x32, 64 channels", case_chain, 6, 32, 32, 64},
    {"chain 2x2, 48 channels", case_chain, 8, 2, 2, 48},
};

/* One of each shape in a SimSiam + AugSelf step: ResNet-18, 64 px, 64 pairs. Then what the other
 * methods add. */
static const struct op_case times[] = {
    {"r18_64.input", case_input, .n = 128, .h = 64, .w = 64},
    {"r18_64.stem", case_conv, 128, 64, 64, 3, 64, 7, 2, 3, .first = true},
    {"r18_64.stem", case_bn, 128, 32, 32, 64, .groups = 2, .relu = true},
    {"r18_64.stem", case_maxpool, 128, 32, 32, 64, .kernel = 3, .stride = 2, .pad = 1},
    {"r18_64.layer1", case_conv, 128, 16, 16, 64, 64, 3, 1, 1},
    {"r18_64.layer1", case_bn, 128, 16, 16, 64, .groups = 2, .relu = true},
    {"r18_64.layer1.add", case_bn, 128, 16, 16, 64, .groups = 2, .add = true, .relu = true},
    {"r18_64.layer2.half", case_conv, 128, 16, 16, 64, 128, 3, 2, 1},
    {"r18_64.layer2.down", case_conv, 128, 16, 16, 64, 128, 1, 2, 0},
    {"r18_64.layer2", case_conv, 128, 8, 8, 128, 128, 3, 1, 1},
    {"r18_64.layer2", case_bn, 128, 8, 8, 128, .groups = 2, .relu = true},
    {"r18_64.layer2.add", case_bn, 128, 8, 8, 128, .groups = 2, .add = true, .relu = true},
    {"r18_64.layer3.half", case_conv, 128, 8, 8, 128, 256, 3, 2, 1},
    {"r18_64.layer3.down", case_conv, 128, 8, 8, 128, 256, 1, 2, 0},
    {"r18_64.layer3", case_conv, 128, 4, 4, 256, 256, 3, 1, 1},
    {"r18_64.layer3", case_bn, 128, 4, 4, 256, .groups = 2, .relu = true},
    {"r18_64.layer3.add", case_bn, 128, 4, 4, 256, .groups = 2, .add = true, .relu = true},
    {"r18_64.layer4.half", case_conv, 128, 4, 4, 256, 512, 3, 2, 1},
    {"r18_64.layer4.down", case_conv, 128, 4, 4, 256, 512, 1, 2, 0},
    {"r18_64.layer4", case_conv, 128, 2, 2, 512, 512, 3, 1, 1},
    {"r18_64.layer4", case_bn, 128, 2, 2, 512, .groups = 2, .relu = true},
    {"r18_64.layer4.add", case_bn, 128, 2, 2, 512, .groups = 2, .add = true, .relu = true},
    {"r18_64.avgpool", case_avgpool, 128, 2, 2, 512},
    {"r18_64.projector.0", case_linear, .n = 128, .c = 512, .out = 2048, .plain = true},
    {"r18_64.projector.3", case_linear, .n = 128, .c = 2048, .out = 2048, .plain = true},
    {"r18_64.projector", case_bn, 128, 1, 1, 2048, .groups = 2, .relu = true},
    {"r18_64.predictor.0", case_linear, .n = 128, .c = 2048, .out = 512, .plain = true},
    {"r18_64.predictor.3", case_linear, .n = 128, .c = 512, .out = 2048},
    {"r18_64.simsiam", case_loss_cosine, .n = 128, .c = 2048, .scale = 1},
    {"r18_64.simsiam", case_vector, .n = 128, .c = 2048},
    {"r18_64.augself", case_pair, .n = 128, .c = 512},
    {"r18_64.augself.0", case_linear, .n = 128, .c = 1024, .out = 512, .plain = true},
    {"r18_64.augself.6", case_linear, .n = 128, .c = 512, .out = 4},
    {"r18_64.augself", case_loss_mse_tanh, .n = 128, .c = 4, .scale = 1},
    {"r18_64.optim", case_sgd, .n = 11177, .c = 1000},
    /* MoCo's queue of 65536, SimCLR's 2 x 256 views, SwAV's 3000 prototypes; 128 features */
    {"moco", case_units, .n = 256, .c = 128},
    {"moco.queue", case_linear, .n = 256, .c = 128, .out = 65536, .plain = true},
    {"moco.queue", case_info_nce, .n = 256, .c = 65536, .scale = 1},
    {"simclr", case_nt_xent, .n = 512, .scale = 1},
    {"swav", case_sinkhorn, .n = 256, .c = 3000, .scale = 1},
    {"swav", case_soft_targets, .n = 512, .c = 3000, .scale = 1},
    {"supervised", case_loss_softmax, .n = 256, .c = 1000, .scale = 5},
};
/* clang-format on */

/* What ops_open knows, but for ref, the oracle. */
static const char *const back_ends[] = {"onednn", "auto"};

struct check {
    const char *back_end;
    const struct op_case *op;
};

static void test_case(void **state)
{
    const struct check *check = *state;
    struct bed want, got, again;
    bed_init(&want, "ref", NULL);
    bed_init(&got, check->back_end, NULL);
    bed_init(&again, check->back_end, NULL);
    check->op->run(&want, check->op);
    check->op->run(&got, check->op);
    check->op->run(&again, check->op);
    bed_compare(&want, &got, false);
    bed_compare(&got, &again, true);
    bed_done(&want);
    bed_done(&got);
    bed_done(&again);
}

/* 1 when the name stands for a back end of its own, 0 when it is not built in or is ref. */
static int is_there(const char *back_end)
{
    struct ops *ops;
    int r = ops_open(back_end, 0, &ops);
    if (r == -ENOTSUP)
        return 0;
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", back_end, err_text());
        return r;
    }
    r = strcmp(ops->name, "ref") != 0;
    ops_close(ops);
    return r;
}

static int check_all(void)
{
    static struct check check[ARRAY_LEN(back_ends) * ARRAY_LEN(checks)];
    static struct CMUnitTest test[ARRAY_LEN(check)];
    static char name[ARRAY_LEN(check)][96];
    size_t n = 0;

    for (size_t b = 0; b < ARRAY_LEN(back_ends); b++) {
        int there = is_there(back_ends[b]);
        if (there < 0)
            return 1;
        for (size_t i = 0; there && i < ARRAY_LEN(checks); i++, n++) {
            check[n] = (struct check){back_ends[b], &checks[i]};
            snprintf(name[n], sizeof(name[n]), "%s: %s", back_ends[b], checks[i].name);
            test[n] = (struct CMUnitTest){
                .name = name[n], .test_func = test_case, .initial_state = &check[n]};
        }
    }
    if (!n) {
        printf("skipped: ref is the only back end that is built in\n");
        return 77;
    }
    return _cmocka_run_group_tests("backends", test, n, NULL, NULL) ? 1 : 0;
}

static int time_all(const char *back_end, const char *prefix)
{
    if (strcmp(back_end, "ref") != 0) {
        int there = is_there(back_end);
        if (there < 0)
            return 1;
        if (!there) {
            printf("skipped: %s is ref or not built in\n", back_end);
            return 77;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct bed bed;
        if (strncmp(times[i].name, prefix, strlen(prefix)) != 0)
            continue;
        bed_init(&bed, back_end, times[i].name);
        times[i].run(&bed, &times[i]);
        bed_done(&bed);
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return check_all();
    if (strcmp(argv[1], "--time") == 0 && argc <= 4)
        return time_all(argc > 2 ? argv[2] : "auto", argc > 3 ? argv[3] : "");
    fprintf(stderr, "usage: test_backends [--time [BACK-END [PREFIX]]]\n");
    return EXIT_USAGE;
}
