/* SPDX-License-Identifier: Apache-2.0 */
/* guarded: memory that ends where a page begins that may not be touched: a read or a write behind
 * it ends the test, with any compiler and whatever instructions do it. */
#ifndef AUGSTREAM_TESTS_GUARDED_H
#define AUGSTREAM_TESTS_GUARDED_H

#include "test.h"

#include <sys/mman.h>
#include <unistd.h>

struct guarded {
    char *pages;
    size_t bytes; /* mapped, the last page guarded */
};

static inline struct guarded guarded_new(size_t bytes_max)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct guarded g = {.bytes = (bytes_max + page - 1) / page * page + page};
    g.pages = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(g.pages, MAP_FAILED);
    assert_int_equal(mprotect(g.pages + g.bytes - page, page, PROT_NONE), 0);
    return g;
}

/* The last bytes before the guard. */
static inline void *guarded_end(const struct guarded *g, size_t bytes)
{
    return g->pages + g->bytes - (size_t)sysconf(_SC_PAGESIZE) - bytes;
}

static inline void guarded_free(struct guarded *g)
{
    munmap(g->pages, g->bytes);
}

#endif
