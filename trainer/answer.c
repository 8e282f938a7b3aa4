/* SPDX-License-Identifier: Apache-2.0 */
/* answer: takes a Batch message, gives the runs of images that the model reads, or says what is
 * wrong. A pure function; the message keeps the memory. Does not know who sent it. */
#include "trainer/answer.h"

#include "common/crc32c.h"

const char *answer_check(const struct spec *spec, uint64_t samples,
                         const struct link_message *message, const struct wire_batch *b,
                         struct model_batch *ret)
{
    uint64_t left = samples - (uint64_t)b->index * spec->batch;
    if (b->n_samples != (left < spec->batch ? left : spec->batch) || b->n_views != spec->n_views)
        return "has another number of samples or views";
    for (uint32_t v = 0; v < b->n_views; v++)
        if (b->sizes[v] != spec->views[v].size)
            return "has views of another size";
    if (message->n_frames != b->n_frames)
        return "misses frames";
    uint32_t row = 0;
    for (uint32_t i = 0; i < b->n_frames; i++) { /* wire has seen to it: whole images of one view */
        const void *data = message->frames[i].data;
        size_t len = message->frames[i].len;
        uint32_t side = b->sizes[row / b->n_samples];
        if (len != b->frames[i].bytes)
            return "has a frame of another length than its header says";
        if (crc32c(0, data, len) != b->frames[i].crc32c)
            return "has a wrong CRC";
        ret->run[i].pixels = data;
        ret->run[i].rows = (int32_t)(len / ((size_t)side * side * 3));
        row += (uint32_t)ret->run[i].rows;
    }
    ret->n_runs = b->n_frames;
    ret->omega = b->omega;
    ret->labels = b->labels;
    return NULL;
}
