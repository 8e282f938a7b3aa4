/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_fault: makes an allocation of the program and its static libraries fail, and counts what
 * they hold, by the linker's --wrap (wrap_fault_dep in meson.build). Include it in one source file
 * of a program. Shared libraries' allocations are none of its business. */
#ifndef AUGSTREAM_TESTS_ALLOC_FAULT_H
#define AUGSTREAM_TESTS_ALLOC_FAULT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

static struct {
    unsigned long fail_in; /* the one that fails, counted from now; 0: none */
    bool failed;
    long held;
    unsigned long taken;
} alloc_fault;

/* The n-th allocation from now fails, and only that one. 0: none. */
static inline void alloc_fail(unsigned long nth)
{
    alloc_fault.fail_in = nth;
    alloc_fault.failed = false;
}

static inline bool alloc_failed(void)
{
    return alloc_fault.failed;
}

/* Blocks that are allocated and not yet freed. */
static inline long alloc_held(void)
{
    return alloc_fault.held;
}

/* Blocks that were allocated so far. */
static inline unsigned long alloc_taken(void)
{
    return alloc_fault.taken;
}

static inline bool alloc_fault_now(void)
{
    alloc_fault.taken++;
    if (!alloc_fault.fail_in || --alloc_fault.fail_in)
        return false;
    alloc_fault.failed = true;
    return true;
}

static inline void *alloc_noted(void *p)
{
    alloc_fault.held += p != NULL;
    return p;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
int __real_posix_memalign(void **p, size_t align, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
int __wrap_posix_memalign(void **p, size_t align, size_t size);
void __wrap_free(void *p);

void *__wrap_malloc(size_t size)
{
    return alloc_fault_now() ? NULL : alloc_noted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return alloc_fault_now() ? NULL : alloc_noted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (alloc_fault_now())
        return NULL;
    void *moved = __real_realloc(p, size);
    alloc_fault.held += !p && moved;
    return moved;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return alloc_fault_now() ? NULL : alloc_noted(__real_aligned_alloc(align, size));
}

int __wrap_posix_memalign(void **p, size_t align, size_t size)
{
    if (alloc_fault_now())
        return ENOMEM;
    int r = __real_posix_memalign(p, align, size);
    alloc_fault.held += r == 0;
    return r;
}

void __wrap_free(void *p)
{
    alloc_fault.held -= p != NULL;
    __real_free(p);
}

/* Sizes that no machine has come back as NULL, as without a sanitizer. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

#endif
