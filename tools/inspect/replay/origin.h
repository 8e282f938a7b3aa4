/* SPDX-License-Identifier: Apache-2.0 */
/* origin: options that say which images -> the open source. For renderer. */
#ifndef AUGSTREAM_TOOLS_INSPECT_ORIGIN_H
#define AUGSTREAM_TOOLS_INSPECT_ORIGIN_H

#include "loaderd/source/source.h"
#include "tools/inspect/replay/renderer.h"

/* As renderer_open; the caller frees it with source_free. */
int origin_open(const struct source_options *o, const char *dataset, const uint8_t *fingerprint,
                struct source **ret);

#endif
