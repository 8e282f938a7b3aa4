/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_count: counts this program's allocations, those of its shared libraries too, for the tests
 * of paths that must not allocate, and refuses large ones. Include it in one source file of a
 * program. Under a sanitizer, which brings its own malloc, it counts by the sanitizer's hook. */
#ifndef AUGSTREAM_TESTS_ALLOC_COUNT_H
#define AUGSTREAM_TESTS_ALLOC_COUNT_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { ALLOC_LARGE = 4096 }; /* bytes */
static atomic_ulong alloc_number, alloc_number_large;

/* Allocations of the whole process so far. */
static inline unsigned long alloc_count(void)
{
    return atomic_load(&alloc_number);
}

/* Those of ALLOC_LARGE or more. */
static inline unsigned long alloc_count_large(void)
{
    return atomic_load(&alloc_number_large);
}

/* Larger allocations fail from now on; 0: none. A sanitizer's malloc and valgrind's heed it not:
 * probe. */
static size_t alloc_most;
static inline void alloc_refuse_above(size_t bytes)
{
    alloc_most = bytes;
}

static inline void alloc_note_size(size_t size)
{
    atomic_fetch_add(&alloc_number, 1);
    atomic_fetch_add(&alloc_number_large, size >= ALLOC_LARGE);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOC_COUNT_HOOK 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOC_COUNT_HOOK 1
#endif

#ifdef ALLOC_COUNT_HOOK
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static inline void alloc_note(const volatile void *p, size_t size)
{
    (void)p;
    alloc_note_size(size);
}

static inline void alloc_ignore(const volatile void *p)
{
    (void)p;
}

__attribute__((constructor)) static void alloc_install(void)
{
    __sanitizer_install_malloc_and_free_hooks(alloc_note, alloc_ignore);
}
#else
static inline int alloc_refused(size_t size)
{
    alloc_note_size(size);
    return alloc_most && size > alloc_most;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
    return alloc_refused(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return alloc_refused(n * size) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return alloc_refused(size) ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return alloc_refused(size) ? NULL : __libc_memalign(align, size);
}

int posix_memalign(void **p, size_t align, size_t size)
{
    void *got = alloc_refused(size) ? NULL : __libc_memalign(align, size);
    if (!got)
        return ENOMEM;
    *p = got;
    return 0;
}
#endif

#endif
