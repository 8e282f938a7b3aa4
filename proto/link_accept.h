/* SPDX-License-Identifier: Apache-2.0 */
/* link_accept: peers are turned away before descriptors run out. libzmq ends the whole process when
 * accept() at an ipc listener finds none left (src/ipc_listener.cpp up to 4.3.5), and a loader
 * needs some for new workers. A program that calls this has its accept4() replaced by one that
 * closes a new connection at once when fewer than `spare` descriptors are left, and that reports a
 * shortage as "nobody there". Who is turned away tries again by itself. Any thread. */
#ifndef AUGSTREAM_PROTO_LINK_ACCEPT_H
#define AUGSTREAM_PROTO_LINK_ACCEPT_H

#include <stdint.h>

/* From now on. -EMFILE when the process's limit leaves no room for a single peer. */
int link_accept_spare(uint32_t spare);

uint64_t link_accept_refused(void); /* connections, so far */

#endif
