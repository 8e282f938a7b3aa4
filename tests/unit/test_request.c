/* SPDX-License-Identifier: Apache-2.0 */
/* request: begun, moved, found and ended, every count returns to where it was. */
#include "test.h"

#include "loaderd/serve/request.h"

static void test_life(void **state)
{
    (void)state;
    struct requests requests = {0};
    struct peer a = {.used = true}, b = {.used = true};
    struct session session = {0};
    assert_int_equal(requests_init(&requests, 2, NULL), 0);
    struct request *first = request_begin(&requests, &a, 5, &session);
    struct request *second = request_begin(&requests, &b, 5, &session);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(request_begin(&requests, &a, 6, &session)); /* both are in use */
    assert_int_equal(requests.outstanding, 2);
    assert_int_equal(a.outstanding, 1);
    assert_int_equal(session.refs, 2);

    assert_ptr_equal(request_find(&requests, &a, 5), first);
    assert_ptr_equal(request_find(&requests, &b, 5), second);
    assert_null(request_find(&requests, &a, 6));

    assert_int_equal(a.holding, 0);
    request_move(&requests, first, REQUEST_WORKING);
    assert_int_equal(a.holding, 1);
    request_move(&requests, first, REQUEST_READY);
    assert_int_equal(a.holding, 1);
    assert_int_equal(first->stage, REQUEST_READY);
    assert_ptr_equal(TAILQ_FIRST(&requests.stages[REQUEST_READY]), first);
    assert_ptr_equal(TAILQ_FIRST(&requests.stages[REQUEST_WAITING]), second);

    request_end(&requests, first);
    request_end(&requests, second);
    assert_int_equal(requests.outstanding, 0);
    assert_int_equal(a.outstanding + b.outstanding, 0);
    assert_int_equal(a.holding + b.holding, 0);
    assert_int_equal(session.refs, 0);
    assert_non_null(request_begin(&requests, &a, 6, &session));
    request_move(&requests, request_begin(&requests, &b, 7, &session), REQUEST_WORKING);
    requests_done(&requests); /* ends those that are left */
    assert_int_equal(a.outstanding + b.outstanding + a.holding + b.holding + session.refs, 0);
    requests_done(&requests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_life)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
