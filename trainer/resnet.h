/* SPDX-License-Identifier: Apache-2.0 */
/* resnet: residual networks (He et al., CVPR 2016, arXiv 1512.03385) of basic or bottleneck blocks
 * (stride in the 3x3), with torchvision's structure and state_dict names under "backbone.", without
 * the classifier fc. x [N,S,S,3] -> stem -> blocks -> average over H and W -> y [N,D] D = 8 * width
 * with basic blocks, 32 * width with bottlenecks. */
#ifndef AUGSTREAM_TRAINER_RESNET_H
#define AUGSTREAM_TRAINER_RESNET_H

#include "trainer/net.h"

enum {
    RESNET_STAGES = 4,
    RESNET_ARCHS = 3,
};

struct resnet_arch {
    const char *name;
    int32_t blocks[RESNET_STAGES];
    bool bottleneck; /* 1x1, 3x3, 1x1 in place of 3x3, 3x3 */
};
extern const struct resnet_arch resnet_archs[RESNET_ARCHS];
extern const char *const resnet_names[RESNET_ARCHS + 1]; /* the same order, NULL at the end */

enum resnet_role {
    RESNET_TRAINED,
    RESNET_SHARED, /* the trained one's parameters and running averages, on images of another size;
                    * its backward overwrites the same gradients */
    RESNET_TARGET, /* a momentum encoder: "momentum.backbone.*" follow the trained one's; forward
                    * only, by batch statistics, in the trained one's idle memory */
};

struct resnet_config {
    const struct resnet_arch *arch;
    int32_t rows, size; /* N, S */
    int32_t width;      /* channels of the first stage, 64 in the paper; doubled at each stage */
    int32_t groups;     /* of rows with their own batch statistics: the views */
    bool cifar_stem;    /* 3x3/1 without max pooling, in place of 7x7/2 and max pooling 3x3/2 */
    bool zero_init_residual; /* the last batch norm of each block begins at gamma 0 */
    enum resnet_role role;
    const struct resnet *trained; /* of another role: the trained one, same arch, width and stem;
                                   * of a target: same size and at least as many rows */
};

struct resnet;

/* D, the features of an arch of that width. */
int32_t resnet_features(const struct resnet_arch *arch, int32_t width);

int resnet_new(struct net *net, const struct resnet_config *config, struct resnet **ret);
void resnet_free(struct resnet *resnet);

/* infer: by the running averages; backward is then not possible. */
int resnet_forward(struct resnet *resnet, const struct tensor *x, bool infer);
struct tensor *resnet_output(struct resnet *resnet); /* y [N,D] */
/* The x of the last forward and the gradient of y; leaves every parameter's gradient. */
int resnet_backward(struct resnet *resnet, const struct tensor *x, const struct tensor *dy);

#endif
