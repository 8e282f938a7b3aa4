/* SPDX-License-Identifier: Apache-2.0 */
/* auto: cleanup at the end of a scope, in place of goto ladders.
 *     auto_free char *text = strdup(...);
 *     auto_close int fd = open(...);
 *     auto_fclose FILE *f = fopen(...);
 *     auto_closedir DIR *d = opendir(...);
 *     return take_ptr(&text);       hands ownership out: text becomes NULL */
#ifndef AUGSTREAM_COMMON_AUTO_H
#define AUGSTREAM_COMMON_AUTO_H

#include <stddef.h>

void auto_free_fn(void *p);
void auto_close_fn(int *fd);
void auto_fclose_fn(void *file);
void auto_closedir_fn(void *dir);

#define auto_free __attribute__((cleanup(auto_free_fn)))
#define auto_close __attribute__((cleanup(auto_close_fn)))
#define auto_fclose __attribute__((cleanup(auto_fclose_fn)))
#define auto_closedir __attribute__((cleanup(auto_closedir_fn)))
#define auto_with(fn) __attribute__((cleanup(fn)))

#define take_ptr(pp)                                                                               \
    ({                                                                                             \
        __auto_type take_pp_ = (pp);                                                               \
        __auto_type take_p_ = *take_pp_;                                                           \
        *take_pp_ = NULL;                                                                          \
        take_p_;                                                                                   \
    })

/* Returns *fd and sets it to -1. */
static inline int take_fd(int *fd)
{
    int value = *fd;
    *fd = -1;
    return value;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
