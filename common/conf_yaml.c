/* SPDX-License-Identifier: Apache-2.0 */
/* conf_yaml: takes YAML text, gives its events one by one. Belongs to one thread. The only file
 * that includes libfyaml.h. Does not know options: any mapping of scalars and lists passes. */
#include "common/conf_yaml.h"
#include "common/err.h"
#include "common/utf8.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

struct conf_yaml {
    struct fy_diag *diag;
    struct fy_parser *parser;
    const struct conf_where *where;
    int line;      /* of the last event that had one */
    int last_line; /* of the text */
    int documents; /* begun so far */
    bool ended;
};

/* The parser would take such a byte for the end of the text and drop what follows. Gives the number
 * of the last line. */
static int text_check(const char *text, size_t len, const struct conf_where *where, int *ret_last)
{
    struct conf_where at = *where;
    *ret_last = at.line;
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_length((const unsigned char *)text + i, len - i, NULL);
        if (n == 0)
            return conf_fail(&at, "not UTF-8 text (byte %zu)", i);
        *ret_last = at.line; /* a line break ends its line, it begins none */
        at.line += text[i] == '\n';
    }
    return 0;
}

int conf_yaml_new(const char *text, size_t len, const struct conf_where *where,
                  struct conf_yaml **ret)
{
    int last;
    int rc = text_check(text, len, where, &last);
    if (rc < 0)
        return rc;
    struct conf_yaml *yaml = calloc(1, sizeof *yaml);
    if (!yaml)
        return err_set(-ENOMEM, "conf: no memory");
    yaml->where = where;
    yaml->line = 1;
    yaml->last_line = last;
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    yaml->diag = fy_diag_create(&quiet);
    if (yaml->diag)
        fy_diag_set_collect_errors(yaml->diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = yaml->diag};
    yaml->parser = yaml->diag ? fy_parser_create(&cfg) : NULL;
    if (!yaml->parser || fy_parser_set_string(yaml->parser, text, len) != 0) {
        conf_yaml_free(yaml);
        return err_set(-ENOMEM, "conf: no memory for a YAML parser");
    }
    *ret = yaml;
    return 0;
}

void conf_yaml_free(struct conf_yaml *yaml)
{
    if (!yaml)
        return;
    if (yaml->parser)
        fy_parser_destroy(yaml->parser);
    if (yaml->diag)
        fy_diag_destroy(yaml->diag);
    free(yaml);
}

/* A syntax error is about a place, not about the key that happened to be open. */
static int syntax_error(struct conf_yaml *yaml)
{
    struct conf_where at = *yaml->where;
    at.line = yaml->line;
    if (at.path)
        at.key = "";
    void *iter = NULL;
    struct fy_diag_error *error = fy_diag_errors_iterate(yaml->diag, &iter);
    if (error && error->line > 0)
        at.line = error->line;
    if (at.line > yaml->last_line) /* what is missing at the end is missing in its last line */
        at.line = yaml->last_line;
    return conf_fail(&at, "not valid YAML: %s", error ? error->msg : "the parser gives up");
}

static int refuse(struct conf_yaml *yaml, const char *why)
{
    struct conf_where at = *yaml->where;
    at.line = yaml->line;
    return conf_fail(&at, "%s", why);
}

static int read_scalar(struct conf_yaml *yaml, struct fy_token *value, struct conf_scalar *ret)
{
    size_t len = 0;
    const char *text = value ? fy_token_get_text(value, &len) : "";
    if (!text)
        return err_set(-ENOMEM, "conf: no memory for a text");
    if (len >= CONF_STR_MAX)
        return refuse(yaml, "the text is longer than 511 bytes");
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return refuse(yaml, "the text has a line break or control character in it");
    memset(ret->text, 0, sizeof ret->text);
    memcpy(ret->text, text, len);
    ret->plain = fy_token_scalar_style(value) == FYSS_PLAIN;
    return 0;
}

static const enum conf_yaml_kind kind_of[] = {
    [FYET_STREAM_END] = CONF_YAML_END,      [FYET_SCALAR] = CONF_YAML_SCALAR,
    [FYET_SEQUENCE_START] = CONF_YAML_LIST, [FYET_SEQUENCE_END] = CONF_YAML_LIST_END,
    [FYET_MAPPING_START] = CONF_YAML_MAP,   [FYET_MAPPING_END] = CONF_YAML_MAP_END,
};

/* 1 when ret holds an event, 0 when this one says nothing to us. */
static int translate(struct conf_yaml *yaml, struct fy_event *event, struct conf_yaml_event *ret)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark)
        yaml->line = mark->line + 1;
    switch (event->type) {
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_DOCUMENT_END:
        return 0;
    case FYET_DOCUMENT_START:
        return ++yaml->documents > 1 ? refuse(yaml, "a second document begins here") : 0;
    case FYET_ALIAS:
        return refuse(yaml, "aliases (*) are not supported");
    default:
        break;
    }
    if (fy_event_get_anchor_token(event))
        return refuse(yaml, "anchors (&) are not supported");
    if (fy_event_get_tag_token(event))
        return refuse(yaml, "tags (!) are not supported");
    ret->kind = kind_of[event->type];
    ret->scalar.line = yaml->line;
    int rc = 0;
    if (event->type == FYET_SCALAR)
        rc = read_scalar(yaml, event->scalar.value, &ret->scalar);
    yaml->ended = ret->kind == CONF_YAML_END;
    return rc < 0 ? rc : 1;
}

int conf_yaml_next(struct conf_yaml *yaml, struct conf_yaml_event *ret)
{
    int rc = 0;
    while (rc == 0 && !yaml->ended) {
        struct fy_event *event = fy_parser_parse(yaml->parser);
        if (!event)
            return syntax_error(yaml);
        rc = translate(yaml, event, ret);
        fy_parser_event_free(yaml->parser, event);
    }
    if (yaml->ended)
        ret->kind = CONF_YAML_END;
    return rc < 0 ? rc : 0;
}
