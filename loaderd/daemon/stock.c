/* SPDX-License-Identifier: Apache-2.0 */
/* stock: takes a configuration, gives what it declares, open. */
#include "loaderd/daemon/stock.h"

#include "common/err.h"
#include "common/log.h"
#include "loaderd/batch/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void stock_line(const struct dataset *dataset, char ret[STOCK_LINE_MAX])
{
    const struct source *source = dataset->source;
    int n =
        snprintf(ret, STOCK_LINE_MAX,
                 "%s: %" PRIu64 " samples, %" PRIu32 " classes, %" PRIu64 " other files left out",
                 dataset->name, source->samples, source->classes, source->ignored);
    if (source->unlabelled > 0)
        snprintf(ret + n, STOCK_LINE_MAX - (size_t)n, "; %" PRIu64 " samples have no label",
                 source->unlabelled);
}

static int open_dataset(const char *state, const struct config_dataset *c, struct dataset *dataset)
{
    const struct source_spec spec = {.format = c->format,
                                     .path = c->path,
                                     .split = c->split,
                                     .classes = c->classes,
                                     .fraction = c->fraction,
                                     .allow = config_allow(c),
                                     .state = state};
    return dataset_open(dataset, c->name, &spec);
}

int stock_datasets(struct stock *stock, const struct config *config)
{
    for (size_t i = 0; i < config->n_datasets; i++) {
        int r = open_dataset(config->state, &config->datasets[i], &stock->datasets[i]);
        if (r < 0)
            return r;
        stock->n_datasets++;
    }
    return 0;
}

int stock_memory(struct stock *stock, const struct config *config, struct metrics *metrics,
                 void (*slot_back)(void *hint), void *hint)
{
    size_t pixels = (size_t)config->slot_mib << 20;
    int r = pool_new(&(struct pool_config){.slots = (uint32_t)config->slots,
                                           .slot_bytes = pixels + SLOT_EXTRA,
                                           .on_free = slot_back,
                                           .hint = hint},
                     &stock->pool);
    if (r == 0)
        r = sessions_new(&(struct session_config){.datasets = stock->datasets,
                                                  .n_datasets = stock->n_datasets,
                                                  .slot_pixels = pixels,
                                                  .bad_rate_max = config->bad_rate_max},
                         &stock->sessions);
    if (r == 0)
        r = dispatch_new(
            &(struct dispatch_config){
                .pool = stock->pool, .sessions = stock->sessions, .metrics = metrics, .keep = true},
            &stock->dispatch);
    if (r == 0 && config->cache_mib > 0)
        r = gallery_new((size_t)config->cache_mib << 20, metrics, &stock->gallery);
    return r;
}

void stock_close(struct stock *stock)
{
    dispatch_free(stock->dispatch);
    sessions_free(stock->sessions);
    pool_free(stock->pool);
    gallery_free(stock->gallery);
    for (size_t i = 0; i < stock->n_datasets; i++)
        dataset_done(&stock->datasets[i]);
    *stock = (struct stock){0};
}

void stock_tell(const struct stock *stock, struct metrics *metrics)
{
    for (size_t i = 0; i < stock->n_datasets; i++) {
        const struct dataset *dataset = &stock->datasets[i];
        const struct source *source = dataset->source;
        char line[STOCK_LINE_MAX];
        stock_line(dataset, line);
        log_info("dataset %s", line);
        if (source->how[0])
            log_line(source->amiss ? LOG_WARN : LOG_INFO, "dataset %s: %s", dataset->name,
                     source->how);
        struct metrics_dataset *row = metrics_dataset(metrics, dataset->name);
        if (row)
            row->size = source->samples;
    }
}

int stock_check(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < config->n_datasets; i++) {
        char line[STOCK_LINE_MAX];
        struct dataset dataset = {0};
        /* What is on the disk, whatever was kept of it; and nothing is left behind. */
        int r = open_dataset(NULL, &config->datasets[i], &dataset);
        if (r < 0)
            return r;
        stock_line(&dataset, line);
        dataset_done(&dataset);
        if (fprintf(out, "%s\n", line) < 0)
            return err_set(-EIO, "cannot write: %s", strerror(errno));
    }
    return fflush(out) == 0 ? 0 : err_set(-EIO, "cannot write: %s", strerror(errno));
}
