/* SPDX-License-Identifier: Apache-2.0 */
/* html: takes texts, gives a page on a stream. Any thread; owns nothing. */
#include "tools/evaluate/html.h"

#include "common/utf8.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

static const char style_base[] =
    ":root{color-scheme:light dark;--text:#1b1f24;--soft:#57606a;--line:#d0d7de;--ground:#fff;"
    "--card:#f6f8fa;--plain:#6e7f94;--accent:#b8500c;--bad:#b3261e}\n"
    "@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--soft:#9aa5b1;--line:#3a424c;"
    "--ground:#0f1419;--card:#171d24;--plain:#8295ab;--accent:#f0883e;--bad:#ff8f85}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--ground);color:var(--text);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}\n"
    "main{max-width:75rem;margin:0 auto;padding:1rem}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0 1rem}\n"
    "h2{font-size:1.15rem;line-height:1.3;margin:2rem 0 .75rem}\n"
    "p{max-width:48rem;overflow-wrap:anywhere}\n"
    ".soft{color:var(--soft)} .bad{color:var(--bad)}\n"
    ".wide{overflow-x:auto;border:1px solid var(--line);border-radius:8px}\n"
    ".wide:focus-visible{outline:3px solid var(--accent);outline-offset:2px}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;padding:.6rem .75rem;color:var(--soft)}\n"
    "th,td{padding:.45rem .75rem;border-top:1px solid var(--line);text-align:left;"
    "vertical-align:top}\n"
    "thead th{background:var(--card);vertical-align:bottom}\n"
    "th[scope=row],thead th:first-child{position:sticky;left:0;background:var(--ground);"
    "min-width:6.5rem}\n"
    "thead th:first-child{background:var(--card)}\n"
    ".figure{text-align:right}\ntd.figure{white-space:nowrap}\n"
    "code{font-family:ui-monospace,'SF Mono',Menlo,Consolas,monospace;font-size:.9em}\n"
    "@media print{.wide{overflow:visible}}\n";

/* Bytes of the character at s that may be shown as it stands, or 0. */
static size_t shown_len(const char *s)
{
    const unsigned char first = (unsigned char)s[0];
    if (first < 0x80)
        return first == '\t' || first == '\n' || (first >= 0x20 && first != 0x7f) ? 1 : 0;
    return utf8_length((const unsigned char *)s, strnlen(s, 4), NULL);
}

static const char *reference_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_text(const char *text, FILE *out)
{
    for (const char *at = text; *at;) {
        const char *reference = reference_of(*at);
        const size_t len = shown_len(at);
        if (reference)
            fputs(reference, out);
        else if (len)
            fwrite(at, 1, len, out);
        else
            fputs("\xef\xbf\xbd", out);
        at += len ? len : 1;
    }
}

void html_print(FILE *out, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    html_text(text, out);
}

void html_begin(const char *title, const char *style, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          /* else a browser asks the server, or the folder, for one */
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          out);
    html_text(title, out);
    fprintf(out, "</title>\n<style>\n%s%s</style>\n</head>\n<body>\n<main>\n<h1>", style_base,
            style ? style : "");
    html_text(title, out);
    fputs("</h1>\n", out);
}

void html_end(FILE *out)
{
    fputs("</main>\n</body>\n</html>\n", out);
}

/* RFC 4648, section 4. */
void html_data(const char *type, const void *bytes, size_t len, FILE *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = bytes;
    fprintf(out, "data:%s;base64,", type);
    for (size_t i = 0; i < len; i += 3) {
        const size_t n = len - i < 3 ? len - i : 3;
        const uint32_t group = (uint32_t)b[i] << 16 | (n > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
                               (n > 2 ? (uint32_t)b[i + 2] : 0);
        for (size_t k = 0; k < 4; k++)
            putc(k <= n ? digits[group >> (18 - 6 * k) & 63] : '=', out);
    }
}
