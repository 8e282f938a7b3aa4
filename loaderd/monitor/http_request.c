/* SPDX-License-Identifier: Apache-2.0 */
/* http_request: takes bytes, gives a path or a refusal. Strict where servers have been fooled (a
 * colon after a space, folded lines, control characters, a body), and only GET and HEAD. Lines end
 * with CR LF, or LF alone, as the RFC allows. */
#include "loaderd/monitor/http_request.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *at;
    size_t len;
};

static bool refuse(struct http_request *ret, int status)
{
    ret->status = status;
    return true;
}

static bool is_token(struct span s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr(others, c))))
            return false;
    }
    return s.len > 0;
}

/* Printable, or one of `also`. */
static bool is_plain(struct span s, const char *also)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x21 || c == 0x7f) && !(c && strchr(also, c)))
            return false;
    }
    return true;
}

static bool same(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool same_name(struct span s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

/* Cuts the part before `mark` off the front; all of it when there is no mark. */
static struct span cut(struct span *s, char mark)
{
    const char *at = s->len ? memchr(s->at, mark, s->len) : NULL;
    const struct span part = {s->at, at ? (size_t)(at - s->at) : s->len};
    const size_t taken = part.len + (at != NULL);
    s->at += taken;
    s->len -= taken;
    return part;
}

/* The next line without its end. False when its end is not there yet. */
static bool next_line(struct span *rest, struct span *ret)
{
    if (rest->len == 0 || !memchr(rest->at, '\n', rest->len))
        return false;
    *ret = cut(rest, '\n');
    if (ret->len > 0 && ret->at[ret->len - 1] == '\r')
        ret->len--;
    return true;
}

/* "/path?query" or "http://host/path?query". */
static bool read_target(struct span target, struct http_request *ret)
{
    static const char scheme[] = "http://";
    const size_t n = strlen(scheme);
    if (target.len > n && strncasecmp(target.at, scheme, n) == 0) {
        target.at += n;
        target.len -= n;
        const char *slash = memchr(target.at, '/', target.len);
        if (!slash)
            return false;
        target.len -= (size_t)(slash - target.at);
        target.at = slash;
    }
    const struct span path = cut(&target, '?');
    if (path.len == 0 || path.at[0] != '/' || !is_plain(path, ""))
        return false;
    ret->path = path.at;
    ret->path_len = path.len;
    return true;
}

/* 0, or the status to refuse with. */
static int read_first(struct span line, struct http_request *ret, bool *ret_old)
{
    if (!is_plain(line, " "))
        return 400;
    const struct span method = cut(&line, ' '), target = cut(&line, ' ');
    if (!is_token(method) || line.len != 8 || memcmp(line.at, "HTTP/", 5) != 0 ||
        line.at[6] != '.' || line.at[5] < '0' || line.at[5] > '9' || line.at[7] < '0' ||
        line.at[7] > '9')
        return 400;
    if (line.at[5] != '1')
        return 505;
    *ret_old = line.at[7] == '0';
    ret->head = same(method, "HEAD");
    if (!ret->head && !same(method, "GET"))
        return 405;
    return read_target(target, ret) ? 0 : 400;
}

static struct span trimmed(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* 0, or the status to refuse with. A body would be taken for the next request by somebody between
 * us: there is none. */
static int read_field(struct span line, unsigned *hosts)
{
    if (!memchr(line.at, ':', line.len))
        return 400;
    const struct span name = cut(&line, ':'), value = trimmed(line);
    if (!is_token(name) || !is_plain(value, " \t"))
        return 400;
    if (same_name(name, "host"))
        ++*hosts;
    if (same_name(name, "transfer-encoding") ||
        (same_name(name, "content-length") && !same(value, "0")))
        return 413;
    return 0;
}

bool http_request_read(const char *bytes, size_t len, struct http_request *ret)
{
    *ret = (struct http_request){0};
    struct span rest = {bytes, len < HTTP_REQUEST_MAX ? len : HTTP_REQUEST_MAX}, line;
    unsigned hosts = 0;
    bool old = false, begun = false;
    while (next_line(&rest, &line)) {
        int status = 0;
        if (!begun && line.len == 0)
            continue; /* an empty line before the first is passed over */
        if (begun && line.len == 0)
            return refuse(ret, old || hosts == 1 ? 0 : 400);
        status = begun ? read_field(line, &hosts) : read_first(line, ret, &old);
        begun = true;
        if (status || hosts > 1)
            return refuse(ret, status ? status : 400);
    }
    return len >= HTTP_REQUEST_MAX && refuse(ret, 431);
}

bool http_request_is(const struct http_request *request, const char *path)
{
    return request->path_len == strlen(path) && memcmp(request->path, path, request->path_len) == 0;
}
