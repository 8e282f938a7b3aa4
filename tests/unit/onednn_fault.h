/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_fault: makes a call of oneDNN fail with a status of choice, and counts the objects that
 * are held, by the linker's --wrap (wrap_dnnl_dep in meson.build). Include it in one source file of
 * a program. */
#ifndef AUGSTREAM_TESTS_ONEDNN_FAULT_H
#define AUGSTREAM_TESTS_ONEDNN_FAULT_H

#include "trainer/ops/onednn.h"

#include <stdbool.h>
#include <string.h>

enum { DNNL_NAMES_MAX = 64 };

static struct {
    unsigned long fail_in; /* the call that fails, counted from now; 0: none */
    dnnl_status_t status;
    const char *failed; /* the function that did; NULL: none */
    const char *only;   /* count this function's calls alone; NULL: all */
    long held;
    char chosen[DNNL_NAMES_MAX][32]; /* implementations of the primitives made */
    size_t n_chosen;
} dnnl_fault;

/* The n-th call from now (of `only`, unless NULL) gives this status, and only that one. 0: none. */
static inline void dnnl_fail(unsigned long nth, dnnl_status_t status, const char *only)
{
    dnnl_fault.fail_in = nth;
    dnnl_fault.status = status;
    dnnl_fault.only = only;
    dnnl_fault.failed = NULL;
}

static inline const char *dnnl_failed(void)
{
    return dnnl_fault.failed;
}

/* Engines, streams, memories, primitives and their descriptions that are not yet destroyed. */
static inline long dnnl_held(void)
{
    return dnnl_fault.held;
}

static inline bool dnnl_fault_now(const char *function)
{
    if (!dnnl_fault.fail_in || (dnnl_fault.only && strcmp(dnnl_fault.only, function) != 0) ||
        --dnnl_fault.fail_in)
        return false;
    dnnl_fault.failed = function;
    return true;
}

/* made: objects more after a success. */
#define DNNL_WRAP(function, made, params, args)                                                    \
    dnnl_status_t __real_##function params;                                                        \
    dnnl_status_t __wrap_##function params;                                                        \
    dnnl_status_t __wrap_##function params                                                         \
    {                                                                                              \
        if (dnnl_fault_now(#function))                                                             \
            return dnnl_fault.status;                                                              \
        dnnl_status_t r = __real_##function args;                                                  \
        dnnl_fault.held += r == dnnl_success ? (made) : 0;                                         \
        return r;                                                                                  \
    }

/* Destroying never fails on purpose: what has failed once cleans up. */
#define DNNL_WRAP_DESTROY(function, type)                                                          \
    dnnl_status_t __real_##function(type object);                                                  \
    dnnl_status_t __wrap_##function(type object);                                                  \
    dnnl_status_t __wrap_##function(type object)                                                   \
    {                                                                                              \
        dnnl_fault.held -= object != NULL;                                                         \
        return __real_##function(object);                                                          \
    }

DNNL_WRAP(dnnl_engine_create, 1, (dnnl_engine_t * e, dnnl_engine_kind_t kind, size_t i),
          (e, kind, i))
DNNL_WRAP(dnnl_stream_create, 1, (dnnl_stream_t * s, dnnl_engine_t e, unsigned flags),
          (s, e, flags))
DNNL_WRAP(dnnl_memory_create, 1,
          (dnnl_memory_t * m, const dnnl_memory_desc_t *md, dnnl_engine_t e, void *p),
          (m, md, e, p))
DNNL_WRAP(dnnl_memory_desc_init_by_tag, 0,
          (dnnl_memory_desc_t * md, int n, const dnnl_dims_t dims, dnnl_data_type_t type,
           dnnl_format_tag_t tag),
          (md, n, dims, type, tag))
DNNL_WRAP(dnnl_primitive_attr_create, 1, (dnnl_primitive_attr_t * attr), (attr))
DNNL_WRAP(dnnl_primitive_attr_set_scratchpad_mode, 0,
          (dnnl_primitive_attr_t attr, dnnl_scratchpad_mode_t mode), (attr, mode))
DNNL_WRAP(dnnl_primitive_desc_create, 1,
          (dnnl_primitive_desc_t * pd, const_dnnl_op_desc_t op, const_dnnl_primitive_attr_t attr,
           dnnl_engine_t e, const_dnnl_primitive_desc_t hint),
          (pd, op, attr, e, hint))
DNNL_WRAP(dnnl_reorder_primitive_desc_create, 1,
          (dnnl_primitive_desc_t * pd, const dnnl_memory_desc_t *from, dnnl_engine_t from_e,
           const dnnl_memory_desc_t *to, dnnl_engine_t to_e, const_dnnl_primitive_attr_t attr),
          (pd, from, from_e, to, to_e, attr))
DNNL_WRAP(dnnl_memory_set_data_handle, 0, (dnnl_memory_t m, void *p), (m, p))
DNNL_WRAP(dnnl_primitive_execute, 0,
          (const_dnnl_primitive_t p, dnnl_stream_t s, int n, const dnnl_exec_arg_t *args),
          (p, s, n, args))
DNNL_WRAP(dnnl_stream_wait, 0, (dnnl_stream_t s), (s))

DNNL_WRAP_DESTROY(dnnl_engine_destroy, dnnl_engine_t)
DNNL_WRAP_DESTROY(dnnl_stream_destroy, dnnl_stream_t)
DNNL_WRAP_DESTROY(dnnl_memory_destroy, dnnl_memory_t)
DNNL_WRAP_DESTROY(dnnl_primitive_attr_destroy, dnnl_primitive_attr_t)
DNNL_WRAP_DESTROY(dnnl_primitive_desc_destroy, dnnl_primitive_desc_t)
DNNL_WRAP_DESTROY(dnnl_primitive_destroy, dnnl_primitive_t)

dnnl_status_t __real_dnnl_primitive_create(dnnl_primitive_t *p, const_dnnl_primitive_desc_t pd);
dnnl_status_t __wrap_dnnl_primitive_create(dnnl_primitive_t *p, const_dnnl_primitive_desc_t pd);
dnnl_status_t __wrap_dnnl_primitive_create(dnnl_primitive_t *p, const_dnnl_primitive_desc_t pd)
{
    if (dnnl_fault_now("dnnl_primitive_create"))
        return dnnl_fault.status;
    dnnl_status_t r = __real_dnnl_primitive_create(p, pd);
    dnnl_fault.held += r == dnnl_success;
    const char *name = "";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    if (dnnl_fault.n_chosen < DNNL_NAMES_MAX) {
        char *to = dnnl_fault.chosen[dnnl_fault.n_chosen++];
        strncpy(to, name, sizeof dnnl_fault.chosen[0] - 1);
    }
    return r;
}

#endif
