/* SPDX-License-Identifier: Apache-2.0 */
/* class_names: what the classes of a dataset are called, in the order of their numbers: which names
 * may be told, and copies of them. They decorate: no batch, score or comparison hangs on them. */
#ifndef AUGSTREAM_COMMON_CLASS_NAMES_H
#define AUGSTREAM_COMMON_CLASS_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum {
    CLASS_NAME_MAX = 256, /* bytes with the NUL */
    /* ... that are told over a connection: a peer that does not know them has memory to pass over
     * so many (each unknown field costs it a record of protobuf-c's, and a block). */
    CLASS_NAMES_MAX = 2000,
    CLASS_NAMES_BYTES = 63488, /* of these, CLASS_NAME_COST beside each counted */
    CLASS_NAME_COST = 3,       /* what a message needs for one beside its bytes, at most */
    CLASS_NAMES_ROOM = CLASS_NAMES_MAX * (int)sizeof(char *) + CLASS_NAMES_BYTES,
};

/* One name: 1 to CLASS_NAME_MAX - 1 bytes of UTF-8 without control characters, those that break
 * lines or turn the direction of text among them. code, which class and what is wrong named. */
int class_name_check(int code, uint32_t label, const char *name);

/* All of a dataset, as they may go over a connection: also their number and bytes together. */
int class_names_check(int code, const char *const *names, uint32_t n);

/* A copy of n names in one block: the pointers, then the texts. To hold it, memory has
 * class_names_bytes() bytes and is aligned as malloc's is; CLASS_NAMES_ROOM is enough for whatever
 * class_names_check lets pass. Returns the copy, which lies at `memory`. */
size_t class_names_bytes(const char *const *names, uint32_t n);
const char *const *class_names_lay(void *memory, const char *const *names, uint32_t n);

#endif
