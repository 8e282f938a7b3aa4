/* SPDX-License-Identifier: Apache-2.0 */
/* sheet: samples of a batch as cards (card.h) on one PNG picture: fetched from a loader as the
 * trainer would, or out of a record, with their views rendered again. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "proto/record.h"
#include "tools/inspect/deck.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"
#include "tools/inspect/replay/renderer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SAMPLES_MAX = 256, SAMPLES_USUAL = 12 };

struct options {
    struct fetch_options fetch; /* endpoint: a record's file as well */
    struct source_options source;
    const char *out;
    int64_t samples, step, sample; /* step, sample: -1: not told */
    bool record, index_told, epoch_told;
};

static const struct usage_option rows[] = {
    {"recipe", "FILE", 'r',
     "which dataset, which views; of a record: which images, and which targets are told"},
    {"set", "KEY=VALUE", 's', "override one key of the recipe; VALUE is YAML", USAGE_REPEATED,
     .keys = &recipe_table},
    {"epoch", "E", 'e', "of which epoch, from 0 (default 0)"},
    {"index", "I", 'i', "which batch of the epoch, from 0 (default 0)"},
    {"step", "S", 'S', "of a record: the batch of this step (default: the first that is there)"},
    {"sample", "I", 'I', "of a record: this sample alone, of --epoch"},
    {"samples", "N", 'n', "the first N samples of the batch, 1 to 256 (default 12)"},
    {"out", "FILE", 'o', "a PNG picture", USAGE_REQUIRED},
    SOURCE_PLACE_OPTIONS,
};

static const struct usage_section sections[] = {
    {"Examples",
     "    augstream-inspect sheet tcp://node1:5555 --recipe recipe.yaml --out views.png\n"
     "    augstream-inspect sheet embedded --recipe recipe.yaml --set data.path=/data/flowers \\\n"
     "        --out views.png\n"
     "    augstream-inspect sheet run.omega --data /data/flowers --step 100 --out step100.png"},
};

const struct usage inspect_sheet_usage = {
    .name = "sheet",
    .program = "augstream-inspect",
    .summary = "samples with their crop boxes, views, omega and targets, into a PNG picture",
    .operands = "ENDPOINT|FILE",
    .about =
        "Draws samples of a batch, a card each: the source picture with the box of every view, the "
        "views, what was done to each of them in the order in which it was done, and the "
        "normalised targets of the pair: those that the recipe's augself has a weight for, or all "
        "six.\n\n" FETCH_ENDPOINT
        " It needs --recipe; the source pictures are drawn where --data, --config or the recipe's "
        "data.path says where they are, else their outlines.\n\n"
        "FILE is a record (docs/record.md), whose views are rendered again from the images: "
        "--data, "
        "--config or a recipe with data.path says where these are. They must be the ones that the "
        "record is of.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

static int option_take(struct options *o, int key)
{
    int rc;
    switch (key) {
    case 'n':
        return number_whole("samples", optarg, 1, SAMPLES_MAX, &o->samples);
    case 'S':
        return number_whole("step", optarg, 0, INT64_MAX, &o->step);
    case 'I':
        return number_whole("sample", optarg, 0, UINT32_MAX, &o->sample);
    case 'o':
        o->out = optarg;
        return 0;
    default:
        o->index_told = o->index_told || key == 'i';
        o->epoch_told = o->epoch_told || key == 'e';
        rc = fetch_option(&o->fetch, key, optarg);
        if (rc == 0)
            rc = source_option(&o->source, key, optarg);
        return rc < 0 ? rc : 0;
    }
}

static int record_check(struct options *o)
{
    if (o->index_told)
        return err_set(-EINVAL, "--index is a loader's; of a record: --step, or --sample and "
                                "--epoch");
    if (o->step >= 0 && (o->sample >= 0 || o->epoch_told))
        return err_set(-EINVAL, "--step, or --sample and --epoch: one of them");
    if (o->epoch_told && o->sample < 0)
        return err_set(-EINVAL, "--epoch: of a record it wants --sample");
    if (!o->source.data && !o->source.config) {
        o->source.recipe = o->fetch.recipe;
        o->source.n_sets = o->fetch.n_sets;
        memcpy(o->source.sets, o->fetch.sets, sizeof o->source.sets);
    }
    return source_check(&o->source, "sheet");
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    struct stat st;
    for (int key; (key = usage_next(&inspect_sheet_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : option_take(o, key);
        if (rc)
            return rc;
    }
    if (optind + 1 != argc || !o->out)
        return err_set(-EINVAL, "sheet needs ENDPOINT, --recipe and --out, or FILE and --out");
    o->fetch.endpoint = argv[optind];
    o->record = stat(argv[optind], &st) == 0 && S_ISREG(st.st_mode);
    if (o->record)
        return record_check(o);
    if (!o->fetch.recipe)
        return err_set(-EINVAL, "sheet: %s: no file, and of a loader --recipe is needed as well",
                       argv[optind]);
    if (o->step >= 0 || o->sample >= 0)
        return err_set(-EINVAL, "--step and --sample are of a record: %s is no file", argv[optind]);
    return source_told(&o->source) ? source_check(&o->source, "sheet") : 0;
}

/* --- what is drawn --- */

/* One batch, wherever it is from. Zero-initialise. */
struct hand {
    const struct spec *spec;
    const struct wire_batch *batch;
    const uint8_t *fingerprint;
    uint32_t large;
    unsigned kinds;
    const struct sheet_batch *pixels; /* NULL: they are to be rendered */
    struct renderer *renderer;        /* NULL: no pictures */
};

static unsigned kinds_of(const struct recipe *recipe)
{
    unsigned kinds = 0;
    for (int k = 0; k < AUGSELF_KINDS; k++)
        kinds |= (recipe_augself_weight(recipe, (enum augself_kind)k) > 0 ? 1u : 0u) << k;
    return kinds ? kinds : (1u << AUGSELF_KINDS) - 1;
}

/* What a card owns. */
struct card_own {
    struct canvas source;
    uint8_t *pixels; /* of all views */
};

static void titles_make(const struct hand *h, uint32_t i, struct card *card)
{
    const uint32_t sample = h->batch->omega[i].sample;
    const int64_t label = h->batch->labels[i];
    const char *class = h->renderer ? renderer_class(h->renderer, label) : NULL;
    char of[32];
    if (h->renderer)
        renderer_name(h->renderer, sample, card->name, sizeof card->name);
    snprintf(of, sizeof of, "label %lld", (long long)label);
    snprintf(card->title, sizeof card->title, "sample %u%s%s", sample, label < 0 ? "" : "  ",
             label < 0 ? ""
             : class   ? class
                       : of);
    for (uint32_t k = 0; k < h->batch->n_substituted; k++)
        if (h->batch->substituted[k].position == i)
            snprintf(card->note, sizeof card->note, "in place of sample %u: %s",
                     h->batch->substituted[k].sample,
                     wire_fault_name(h->batch->substituted[k].fault));
}

static int views_render(const struct hand *h, struct card *card, struct card_own *own)
{
    const struct omega *omega[OMEGA_VIEWS_MAX];
    uint8_t *out[OMEGA_VIEWS_MAX];
    size_t bytes = 0;
    enum wire_fault fault;
    for (uint32_t v = 0; v < card->n_views; v++)
        bytes += (size_t)card->view[v].size * card->view[v].size * 3;
    own->pixels = malloc(bytes);
    if (!own->pixels)
        return err_set(-ENOMEM, "out of memory: %zu bytes of views", bytes);
    uint8_t *at = own->pixels;
    for (uint32_t v = 0; v < card->n_views; v++) {
        omega[v] = card->view[v].omega;
        card->view[v].pixels = out[v] = at;
        at += (size_t)card->view[v].size * card->view[v].size * 3;
    }
    return renderer_views(h->renderer, h->spec, omega, out, &fault);
}

/* The card of position i of the batch. */
static int card_make(const struct hand *h, uint32_t i, struct card *card, struct card_own *own)
{
    uint32_t w, high;
    *card = (struct card){.n_views = h->batch->n_views, .large = h->large, .kinds = h->kinds};
    for (uint32_t v = 0; v < card->n_views; v++)
        card->view[v] = (struct card_view){
            .omega = &h->batch->omega[(size_t)v * h->batch->n_samples + i],
            .law = &h->spec->views[v],
            .pixels = h->pixels ? sheet_image(h->pixels, v, i) : NULL,
            .size = h->spec->views[v].size,
        };
    titles_make(h, i, card);
    int rc = h->pixels ? 0 : views_render(h, card, own);
    if (!rc && h->renderer)
        rc = renderer_source(h->renderer, card->view[0].omega->sample, CARD_SOURCE, &own->source,
                             &w, &high);
    if (rc || !h->renderer)
        return rc;
    if (w != card->view[0].omega->source_w || high != card->view[0].omega->source_h)
        return err_set(-EBADMSG, "sample %u: is %ux%u pixels, and was %ux%u when it was rendered",
                       card->view[0].omega->sample, w, high, card->view[0].omega->source_w,
                       card->view[0].omega->source_h);
    card->source = &own->source;
    return 0;
}

static int sheet_write(const struct options *o, const struct deck *deck)
{
    struct canvas canvas;
    int rc = deck_draw(deck, &canvas);
    if (rc)
        return rc;
    rc = canvas_save(&canvas, o->out);
    if (!rc)
        printf("%s: %ux%u\n", o->out, canvas.w, canvas.h);
    canvas_done(&canvas);
    return rc;
}

/* n cards from position `first` on. */
static int hand_draw(const struct options *o, const struct hand *h, uint32_t first, uint32_t n)
{
    auto_free struct card *cards = calloc(n, sizeof *cards);
    auto_free struct card_own *own = calloc(n, sizeof *own);
    struct deck deck = {.spec = h->spec, .cards = cards, .n = n};
    if (!cards || !own)
        return err_set(-ENOMEM, "out of memory: %u cards", n);
    snprintf(deck.title, sizeof deck.title, "%s  epoch %u  batch %u  seed %llu", h->spec->dataset,
             h->batch->epoch, h->batch->index, (unsigned long long)h->spec->seed);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < n; i++)
        rc = card_make(h, first + i, &cards[i], &own[i]);
    if (!rc)
        rc = sheet_write(o, &deck);
    for (uint32_t i = 0; i < n; i++) {
        canvas_done(&own[i].source);
        free(own[i].pixels);
    }
    return rc;
}

static uint32_t fewer(int64_t wanted, uint32_t there)
{
    return wanted < there ? (uint32_t)wanted : there;
}

/* --- from a loader --- */

/* The pictures are worth having, and not worth failing for: but where the command line says where
 * they are. */
static int pictures_open(const struct options *o, const struct fetch *fetch, struct renderer **ret)
{
    const uint8_t *fingerprint = recv_info(fetch->recv)->fingerprint;
    if (source_told(&o->source))
        return renderer_open(&o->source, fetch->spec.dataset, fingerprint, ret);
    if (!fetch->recipe.data.path[0])
        return 0;
    struct source_options recipe = {.recipe = o->fetch.recipe, .n_sets = o->fetch.n_sets};
    memcpy(recipe.sets, o->fetch.sets, sizeof recipe.sets);
    if (renderer_open(&recipe, fetch->spec.dataset, fingerprint, ret) < 0) {
        log_warn("no source pictures, but their outlines: %s", err_text());
        *ret = NULL;
    }
    return 0;
}

static int from_loader(const struct options *o)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return err_set(-ENOMEM, "out of memory");
    struct hand hand = {0};
    int rc = fetch_open(fetch, &o->fetch);
    if (!rc)
        rc = pictures_open(o, fetch, &hand.renderer);
    if (!rc) {
        const struct sheet_batch pixels = fetch_sheet(fetch);
        hand.spec = &fetch->spec;
        hand.batch = fetch->batch.header;
        hand.large = pixels.large;
        hand.kinds = kinds_of(&fetch->recipe);
        hand.pixels = &pixels;
        rc = hand_draw(o, &hand, 0, fewer(o->samples, hand.batch->n_samples));
    }
    renderer_close(hand.renderer);
    fetch_done(fetch);
    free(fetch);
    return rc;
}

/* --- from a record --- */

static int record_kinds(const struct options *o, unsigned *ret)
{
    *ret = (1u << AUGSELF_KINDS) - 1;
    if (!o->fetch.recipe)
        return 0;
    auto_free struct recipe *recipe = calloc(1, sizeof *recipe);
    if (!recipe)
        return err_set(-ENOMEM, "out of memory");
    int rc = recipe_load(recipe, o->fetch.recipe, o->fetch.sets, o->fetch.n_sets);
    if (!rc)
        *ret = kinds_of(recipe);
    return rc;
}

/* The message that is meant; its arrays are loans from the record. */
static int record_find(const struct options *o, struct record *record, struct wire_message *ret)
{
    int rc = 0;
    if (o->step >= 0)
        rc = record_seek_step(record, (uint64_t)o->step);
    else if (o->sample >= 0)
        rc = record_seek_sample(record, (uint32_t)o->fetch.epoch, (uint32_t)o->sample);
    if (!rc)
        rc = record_next(record, ret);
    if (rc == -ENODATA)
        return err_set(-ENODATA, "%s: no batch is in it", o->fetch.endpoint);
    if (!rc && !ret->tap.told_spec)
        return err_set(-EBADMSG,
                       "%s: is of a loader that does not tell its spec: its views cannot "
                       "be rendered",
                       o->fetch.endpoint);
    return rc;
}

/* Of all samples the first ones; or the one that was asked for. */
static int record_draw(const struct options *o, const struct hand *h)
{
    const struct wire_batch *b = h->batch;
    if (o->sample < 0)
        return hand_draw(o, h, 0, fewer(o->samples, b->n_samples));
    for (uint32_t i = 0; i < b->n_samples; i++)
        if (b->omega[i].sample == (uint32_t)o->sample)
            return hand_draw(o, h, i, 1);
    return err_set(-ENOENT, "%s: sample %lld is not in the batch that should have it",
                   o->fetch.endpoint, (long long)o->sample);
}

static int from_record(const struct options *o)
{
    auto_free struct wire_message *message = calloc(1, sizeof *message);
    struct record *record = NULL;
    struct hand hand = {0};
    int rc = message ? record_open(o->fetch.endpoint, &record) : err_set(-ENOMEM, "out of memory");
    if (!rc)
        rc = record_find(o, record, message);
    if (!rc)
        rc = record_kinds(o, &hand.kinds);
    if (!rc)
        rc = renderer_open(&o->source, message->tap.dataset, message->tap.fingerprint,
                           &hand.renderer);
    if (!rc) {
        hand.spec = &message->tap.spec;
        hand.batch = &message->tap.batch;
        while (hand.large < hand.spec->n_views &&
               hand.spec->views[hand.large].size == hand.spec->views[0].size)
            hand.large++;
        rc = record_draw(o, &hand);
    }
    renderer_close(hand.renderer);
    record_free(record);
    return rc;
}

int inspect_sheet(int argc, char **argv)
{
    struct options o = {.samples = SAMPLES_USUAL, .step = -1, .sample = -1};
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    rc = file_writable(o.out);
    if (!rc)
        rc = o.record ? from_record(&o) : from_loader(&o);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
