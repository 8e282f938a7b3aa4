/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http: any bytes as the head of an HTTP request. Beyond not crashing it must hold that
 *   - the verdict is the same at whatever byte it is asked for from the first that decides it on;
 *   - what is taken has a path inside the bytes, of printable characters, that begins with a slash;
 *   - nothing needs more than HTTP_REQUEST_MAX bytes.
 * A breach aborts. */
#include "tests/fuzz/fuzz.h"

#include "loaderd/monitor/http_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_http: %s\n", what);
    abort();
}

/* In memory of its own length, so that a sanitizer sees any read past it. */
static bool read_exactly(const uint8_t *data, size_t size, struct http_request *ret, size_t *ret_at)
{
    char *exact = malloc(size + !size);
    check(exact != NULL, "no memory");
    memcpy(exact, data, size);
    const bool whole = http_request_read(exact, size, ret);
    if (whole && ret->status == 0) {
        check(ret->path >= exact && ret->path_len > 0 && ret->path + ret->path_len <= exact + size,
              "the path is not inside the request");
        check(ret->path[0] == '/', "a path without its slash");
        for (size_t i = 0; i < ret->path_len; i++)
            check((unsigned char)ret->path[i] > ' ' && ret->path[i] != 0x7f && ret->path[i] != '?',
                  "a path with what is no part of one");
        *ret_at = (size_t)(ret->path - exact);
    }
    free(exact);
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {0, 400, 405, 413, 431, 505};
    struct http_request first, other;
    size_t decided = 0, at = 0, other_at = 0;
    while (decided < size && !read_exactly(data, decided, &first, &at))
        decided++;
    const bool whole = read_exactly(data, decided, &first, &at);
    check(whole || size < HTTP_REQUEST_MAX, "the longest head is not decided");
    check(!whole || decided <= HTTP_REQUEST_MAX, "decided beyond the longest head");
    bool known = false;
    for (size_t i = 0; whole && i < sizeof statuses / sizeof *statuses; i++)
        known = known || first.status == statuses[i];
    check(!whole || known, "a status of its own");
    check(read_exactly(data, size, &other, &other_at) == whole, "more bytes undo a verdict");
    if (whole)
        check(first.status == other.status && first.head == other.head && at == other_at &&
                  (first.status || first.path_len == other.path_len),
              "more bytes change a verdict");
    return 0;
}

void fuzz_done(void)
{
}
