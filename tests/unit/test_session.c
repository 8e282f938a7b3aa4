/* SPDX-License-Identifier: Apache-2.0 */
/* session: one for each spec, refused with the right code, forgotten only when nobody needs it, and
 * ended by too many bad images. */
#include "numbered.h"

#include "loaderd/batch/session.h"

#include <errno.h>
#include <string.h>

static struct dataset datasets[2];
static struct sessions *sessions;

static int setup(void **state)
{
    (void)state;
    datasets[0] = numbered_dataset("small", 1);
    datasets[1] = numbered_dataset("large", 1000);
    struct session_config config = {
        .datasets = datasets, .n_datasets = 2, .slot_pixels = 1 << 20, .bad_rate_max = 0.1};
    return sessions_new(&config, &sessions);
}

static int teardown(void **state)
{
    (void)state;
    sessions_free(sessions);
    dataset_done(&datasets[0]);
    dataset_done(&datasets[1]);
    return 0;
}

static void refused(const struct spec *spec, enum wire_code code, const char *word)
{
    struct session *session = NULL;
    enum wire_code got = WIRE_OK;
    assert_true(session_open(sessions, spec, &session, &got) < 0);
    assert_int_equal(got, code);
    assert_null(session);
    if (!strstr(err_text(), word))
        fail_msg("'%s' does not name '%s'", err_text(), word);
}

static struct session *opened(const struct spec *spec)
{
    struct session *session = NULL;
    enum wire_code code;
    if (session_open(sessions, spec, &session, &code) < 0)
        fail_msg("%s", err_text());
    return session;
}

static void test_refused(void **state)
{
    (void)state;
    struct spec spec = numbered_spec("nowhere", 4, 8);
    refused(&spec, WIRE_UNKNOWN_DATASET, "nowhere");
    spec = numbered_spec("small", 4, 8);
    refused(&spec, WIRE_DATASET_TOO_SMALL, "small has 1 sample,");
    spec = numbered_spec("large", 0, 8);
    refused(&spec, WIRE_BAD_SPEC, "batch");
    spec = numbered_spec("large", 64, 64); /* 2 x 64 x 12288 bytes: more than a slot */
    refused(&spec, WIRE_BAD_SPEC, "slot_mib");
    spec = numbered_spec("large", 4, 8);
    spec.views[1].flip = 2;
    refused(&spec, WIRE_BAD_SPEC, "view 1");
    assert_int_equal(sessions_count(sessions), 0);
}

static void test_opened(void **state)
{
    (void)state;
    struct spec spec = numbered_spec("large", 64, 8);
    struct session *session = opened(&spec);
    assert_int_equal(session->batches, 15);
    assert_ptr_equal(session->dataset, &datasets[1]);
    assert_ptr_equal(opened(&spec), session);
    assert_ptr_equal(session_find(sessions, session->id), session);
    assert_int_equal(session_batch_samples(session, 0), 64);
    assert_int_equal(session_batch_samples(session, 14), 64);
    assert_int_equal(session_batch_samples(session, 15), 0);
    spec.partial = true;
    struct session *other = opened(&spec);
    assert_ptr_not_equal(other, session);
    assert_int_equal(session_batch_samples(other, 15), 1000 - 15 * 64);
    assert_int_equal(session_batch_samples(other, 16), 0);
    assert_int_equal(sessions_count(sessions), 2);
    spec = numbered_spec("small", 4, 8);
    spec.partial = true;
    assert_int_equal(session_batch_samples(opened(&spec), 0), 1);
}

static void test_forgotten(void **state)
{
    (void)state;
    struct spec spec = numbered_spec("large", 4, 8);
    struct session *first = opened(&spec);
    uint8_t id[SESSIONS_MAX][DIGEST_BYTES];
    uint64_t generation = first->generation;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        spec.seed = i + 100;
        memcpy(id[i], opened(&spec)->id, DIGEST_BYTES);
    }
    assert_int_equal(first->generation, generation + SESSIONS_MAX); /* its place was taken */
    assert_memory_equal(first->id, id[SESSIONS_MAX - 1], DIGEST_BYTES);

    /* The one that is pointed to stays, the one not used for longest goes. */
    session_ref(session_find(sessions, id[0]));
    assert_non_null(session_find(sessions, id[1]));
    spec.seed = 1000;
    opened(&spec);
    assert_non_null(session_find(sessions, id[0]));
    assert_non_null(session_find(sessions, id[1]));
    assert_null(session_find(sessions, id[2]));
    session_unref(session_find(sessions, id[0]));
}

static void test_all_in_use(void **state)
{
    (void)state;
    struct spec spec = numbered_spec("large", 4, 8);
    struct session *last = NULL;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        spec.seed = i;
        session_ref(last = opened(&spec));
    }
    spec.seed = SESSIONS_MAX;
    refused(&spec, WIRE_BUSY, "in use");
    session_unref(last);
    opened(&spec);
}

static void test_rate(void **state)
{
    (void)state;
    struct spec spec = numbered_spec("large", 4, 8);
    struct session *session = opened(&spec);
    for (int i = 0; i < SESSION_RATE_MIN - 1; i++)
        session_placed(session, true);
    assert_int_equal(session_check_rate(sessions, session), 0); /* too few to tell */
    session_placed(session, false);
    assert_int_equal(session_check_rate(sessions, session), -ENODATA);
    assert_non_null(strstr(err_text(), "99 of 100"));
    assert_ptr_equal(opened(&spec), session); /* again: its dataset may be whole by now */
    assert_int_equal(session_check_rate(sessions, session), 0);
    assert_int_equal(session->placed + session->replaced, 0);

    spec.seed++;
    session = opened(&spec);
    for (int i = 0; i < 1000; i++)
        session_placed(session, i % 10 == 0);
    assert_int_equal(session_check_rate(sessions, session), 0); /* at the limit, not above */
    assert_int_equal(opened(&spec)->placed, 1000);
    session_placed(session, true);
    assert_int_equal(session_check_rate(sessions, session), -ENODATA);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_refused),    TEST(test_opened), TEST(test_forgotten),
        TEST(test_all_in_use), TEST(test_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
