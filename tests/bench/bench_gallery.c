/* SPDX-License-Identifier: Apache-2.0 */
/* bench_gallery: what keeping decoded pictures saves, with one worker as the daemon runs it: a
 * later epoch, the first epoch (which fills the cache), and two trainers with different seeds, each
 * with the cache over without it, in times that follow each other in turning order. Prints `name
 * value unit`; a ratio below 1 is time saved. Needs fullsize.tar and pretrain64.tar of the real
 * images. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tests/bench/figure.h"
#include "tests/bench/rig.h"
#include "tests/bench/team.h"
#include "tests/unit/real_data.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSES = 7, FILES_MOST = 960, CACHE_MIB = 512 };

static const struct set {
    const char *tar, *prefix;
    uint32_t size;
} sets[] = {{"fullsize.tar", "", 224}, {"pretrain64.tar", "px64_", 64}};

/* A program of the build tree, from this one's place in it (tests/bench). */
static const char *worker_program(void)
{
    static char path[4096 + 64];
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    snprintf(path, sizeof path, "%s/../../loaderd/augstream-loaderd-worker", dirname(self));
    return path;
}

/* One worker from its start: an epoch of one trainer, of another, and a second one of the first. */
static int run(const struct rig *rig, uint32_t cache_mib, double ret_s[3])
{
    struct spec specs[2] = {rig->specs[TASK_A], rig->specs[TASK_A]};
    specs[1].seed++;
    const struct team_config config = {.program = worker_program(),
                                       .workers = 1,
                                       .photos = &rig->photos,
                                       .specs = specs,
                                       .n_specs = 2,
                                       .cache_mib = cache_mib};
    struct team *team;
    int rc = team_new(&config, &team);
    if (rc < 0)
        return rc;
    for (int i = 0; rc == 0 && i < 3; i++) {
        ret_s[i] = team_run(team, i == 1, rig->photos.n);
        rc = ret_s[i] < 0 ? (int)ret_s[i] : 0;
    }
    team_free(team);
    return rc;
}

static int run_set(const struct set *set)
{
    static struct rig rig;
    const char *path = real_data(set->tar);
    if (!path)
        exit(REAL_DATA_SKIP);
    const struct rig_config config = {.path = path,
                                      .prefix = set->prefix,
                                      .files_most = FILES_MOST,
                                      .size = set->size,
                                      .passes = PASSES,
                                      .cores = 1};
    struct figure first = {0}, later = {0}, two = {0};
    int rc = rig_open(&rig, &config);
    for (int pass = 0; rc == 0 && pass < PASSES; pass++) {
        double off[3], on[3];
        rc = run(&rig, pass % 2 ? 0 : CACHE_MIB, pass % 2 ? off : on);
        if (rc == 0)
            rc = run(&rig, pass % 2 ? CACHE_MIB : 0, pass % 2 ? on : off);
        if (rc < 0)
            break;
        figure_add(&first, on[0] / off[0]);
        figure_add(&later, on[2] / off[2]);
        figure_add(&two, (on[0] + on[1]) / (off[0] + off[1]));
    }
    if (rc == 0) {
        figure_print_value(rig.photos.n, set->prefix, "files", "files");
        figure_print(&first, set->prefix, "first_epoch", "ratio");
        figure_print(&later, set->prefix, "later_epoch", "ratio");
        figure_print(&two, set->prefix, "two_seeds", "ratio");
    }
    rig_close(&rig);
    return rc;
}

int main(void)
{
    log_open("bench_gallery", LOG_INFO);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        const int rc = run_set(&sets[i]);
        if (rc < 0) {
            fprintf(stderr, "bench_gallery: %s\n", err_text());
            return err_exit(rc);
        }
    }
    return 0;
}
