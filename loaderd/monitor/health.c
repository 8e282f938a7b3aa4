/* SPDX-License-Identifier: Apache-2.0 */
/* health: takes signs, gives pages. */
#include "loaderd/monitor/health.h"

#include <stdio.h>

static struct health_signs look(const struct health *health)
{
    struct health_signs signs = {.ill = ""};
    health->look(health->hint, &signs);
    return signs;
}

static int say(int status, const char *words, char *ret, size_t cap, size_t *ret_len)
{
    const int n = snprintf(ret, cap, "%s\n", words);
    *ret_len = n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
    return status;
}

static int write_metrics(void *hint, char *ret, size_t cap, size_t *ret_len)
{
    const struct health_signs signs = look(hint);
    const int n = exposition_write(&signs.figures, ret, cap);
    if (n < 0)
        return say(500, "the figures do not fit", ret, cap, ret_len);
    *ret_len = (size_t)n;
    return 200;
}

static int write_livez(void *hint, char *ret, size_t cap, size_t *ret_len)
{
    const struct health_signs signs = look(hint);
    return signs.ill[0] ? say(500, signs.ill, ret, cap, ret_len)
                        : say(200, "ok", ret, cap, ret_len);
}

static int write_readyz(void *hint, char *ret, size_t cap, size_t *ret_len)
{
    const struct health_signs signs = look(hint);
    return signs.stage ? say(503, signs.stage, ret, cap, ret_len)
                       : say(200, "ok", ret, cap, ret_len);
}

const struct http_page health_pages[HEALTH_PAGES] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
    {"/livez", "text/plain; charset=utf-8", write_livez},
    {"/readyz", "text/plain; charset=utf-8", write_readyz},
};
