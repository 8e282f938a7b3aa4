/* SPDX-License-Identifier: Apache-2.0 */
/* batch: takes a session, an epoch and an index, gives tasks, then a header. A stand-in is chosen
 * by its number of attempts alone, so a sample whose file is known to be bad for every crop
 * is passed over without being tried and the choice comes out the same as if it had been. */
#include "loaderd/batch/batch.h"

#include "common/crc32c.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static void ring_push_back(struct batch *batch, uint32_t position)
{
    assert(batch->ring_n < WIRE_BATCH_MAX);
    uint32_t at = (batch->ring_first + batch->ring_n++) % WIRE_BATCH_MAX;
    batch->ring[at] = (uint16_t)position;
}

static void ring_push_front(struct batch *batch, uint32_t position)
{
    assert(batch->ring_n < WIRE_BATCH_MAX);
    batch->ring_first = (batch->ring_first + WIRE_BATCH_MAX - 1) % WIRE_BATCH_MAX;
    batch->ring[batch->ring_first] = (uint16_t)position;
    batch->ring_n++;
}

static uint32_t ring_pop(struct batch *batch)
{
    uint32_t position = batch->ring[batch->ring_first];
    batch->ring_first = (batch->ring_first + 1) % WIRE_BATCH_MAX;
    batch->ring_n--;
    return position;
}

void batch_begin(struct batch *batch, struct session *session, uint32_t epoch, uint32_t index,
                 uint32_t slot)
{
    const struct spec *spec = &session->spec;
    batch->state = BATCH_MAKING;
    batch->session = session;
    batch->generation = session->generation;
    batch->epoch = epoch;
    batch->index = index;
    batch->slot = slot;
    batch->n = session_batch_samples(session, index);
    assert(batch->n > 0);
    slot_layout(spec, batch->n, &batch->layout);
    order_init(&batch->order, session->dataset->source->samples, spec->seed, epoch, spec->shuffle);
    batch->users = batch->flying = batch->placed = 0;
    batch->due = batch->due_step = 0;
    batch->error = 0;
    batch->error_text[0] = 0;
    batch->ring_first = batch->ring_n = 0;
    for (uint32_t i = 0; i < batch->n; i++) {
        uint32_t sample = order_sample(&batch->order, (uint64_t)index * spec->batch + i);
        batch->cells[i] = (struct batch_cell){.scheduled = sample, .sample = sample, .label = -1};
        ring_push_back(batch, i);
    }
}

void batch_due(struct batch *batch, uint64_t served, uint64_t bytes)
{
    if (batch->due_step == 0 || served < batch->due)
        batch->due = served;
    batch->due_step = bytes / batch->n;
}

uint64_t batch_due_key(const struct batch *batch)
{
    return batch->due + (batch->n - batch->ring_n) * batch->due_step;
}

/* The sample of a position is bad: on to its next stand-in. */
static int advance(struct batch *batch, uint32_t position, enum wire_fault fault)
{
    struct batch_cell *cell = &batch->cells[position];
    if (cell->attempt == 0)
        cell->fault = (uint8_t)fault;
    if (cell->attempt >= BATCH_ATTEMPTS_MAX)
        return err_set(-ENODATA, "dataset %s: no good sample found in place of sample %u",
                       batch->session->dataset->name, cell->scheduled);
    cell->attempt++;
    cell->tries = cell->lost = 0;
    cell->sample = order_substitute(&batch->order, cell->scheduled, cell->attempt);
    return 0;
}

int batch_next(struct batch *batch, struct task_render *ret)
{
    if (batch->ring_n == 0)
        return -EAGAIN;
    uint32_t position = ring_pop(batch);
    struct batch_cell *cell = &batch->cells[position];
    const struct dataset *dataset = batch->session->dataset;
    enum wire_fault known;
    while ((known = dataset_fault(dataset, cell->sample)) != FAULT_NONE) {
        int r = advance(batch, position, known);
        if (r < 0)
            return r;
    }
    ret->kind = TASK_RENDER;
    ret->session = batch->session->index;
    ret->ticket = 0;
    ret->slot = batch->slot;
    ret->epoch = batch->epoch;
    ret->batch = batch->index;
    ret->position = position;
    ret->n_samples = batch->n;
    dataset->source->item(dataset->source, cell->sample, &ret->item);
    cell->label = ret->item.label;
    batch->flying++;
    return 0;
}

void batch_place(struct batch *batch, uint32_t position)
{
    assert(position < batch->n && batch->flying > 0 && batch->placed < batch->n);
    batch->flying--;
    batch->placed++;
    session_placed(batch->session, batch->cells[position].attempt > 0);
}

int batch_replace(struct batch *batch, uint32_t position, enum wire_fault fault)
{
    assert(position < batch->n && batch->flying > 0 && fault != FAULT_NONE);
    batch->flying--;
    int r = advance(batch, position, fault);
    if (r < 0)
        return r;
    ring_push_back(batch, position);
    return 0;
}

void batch_return(struct batch *batch, uint32_t position)
{
    assert(position < batch->n && batch->flying > 0);
    batch->flying--;
    ring_push_front(batch, position);
}

/* Each frame's checksum is joined of its images', which their workers made: no pixel is read here,
 * and one that changes after its worker wrote it is found by who receives it. */
static void seal_frames(struct batch *batch)
{
    const struct slot_layout *layout = &batch->layout;
    struct wire_batch *header = &batch->header;
    header->n_frames = 0;
    for (uint32_t v = 0; v < header->n_views; v++) {
        const uint32_t images = slot_frame_images(layout->image[v]);
        const uint32_t *checks = header->checks + (size_t)v * batch->n;
        struct crc32c_shift shift;
        crc32c_shift_init(&shift, layout->image[v]);
        for (uint32_t i = 0; i < batch->n; i += images) {
            uint32_t n = batch->n - i < images ? batch->n - i : images;
            uint32_t crc = 0;
            for (uint32_t k = i; k < i + n; k++)
                crc = crc32c_combine(&shift, crc, checks[k]);
            batch->frame_at[header->n_frames] = layout->view[v] + i * layout->image[v];
            header->frames[header->n_frames++] =
                (struct wire_frame){.bytes = (uint32_t)(n * layout->image[v]), .crc32c = crc};
        }
    }
    assert(header->n_frames == layout->frames);
}

/* Of the samples that stand; where the dataset has any at all. */
static const uint32_t *seal_boxes(struct batch *batch)
{
    const struct source *source = batch->session->dataset->source;
    if (!source->box)
        return NULL;
    for (uint32_t i = 0; i < batch->n; i++) {
        int32_t box[4];
        const bool has = source->box(source, batch->cells[i].sample, box) == 0;
        for (uint32_t k = 0; k < 4; k++)
            batch->boxes[i][k] = has ? (uint32_t)box[k] : 0;
    }
    return batch->boxes[0];
}

int batch_seal(struct batch *batch, const void *base)
{
    assert(batch->placed == batch->n && batch->flying == 0);
    const struct spec *spec = &batch->session->spec;
    struct wire_batch *header = &batch->header;
    *header = (struct wire_batch){
        .epoch = batch->epoch,
        .index = batch->index,
        .n_samples = batch->n,
        .n_views = spec->n_views,
        .omega = (const struct omega *)((const unsigned char *)base + batch->layout.omega),
        .checks = (const uint32_t *)((const unsigned char *)base + batch->layout.check),
        .labels = batch->labels,
        .substituted = batch->substituted,
    };
    memcpy(header->session, batch->session->id, DIGEST_BYTES);
    for (uint32_t v = 0; v < spec->n_views; v++)
        header->sizes[v] = spec->views[v].size;
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct batch_cell *cell = &batch->cells[i];
        if (header->omega[i].sample != cell->sample)
            return err_set(-EIO, "position %u: omega of sample %u in place of sample %u", i,
                           header->omega[i].sample, cell->sample);
        batch->labels[i] = cell->label;
        if (cell->attempt > 0)
            batch->substituted[header->n_substituted++] = (struct wire_substitution){
                .position = i, .sample = cell->scheduled, .fault = cell->fault};
    }
    header->boxes = seal_boxes(batch);
    seal_frames(batch);
    return 0;
}
