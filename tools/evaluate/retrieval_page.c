/* SPDX-License-Identifier: Apache-2.0 */
/* retrieval_page: takes what was found, gives an HTML page that stands alone, its pictures inside
 * it. The caller's thread; keeps nothing. */
#include "common/auto.h"
#include "common/file.h"
#include "tools/evaluate/html.h"
#include "tools/evaluate/retrieval.h"
#include "trainer/watch/picture.h"

#include <inttypes.h>

/* The query stands at the left of its neighbours, above them where the screen is narrow. Whether
 * labels are the same is told by colour, by the border's form and by a sign. */
static const char style[] =
    ":root{--same:#1a7f37;--other:#cf222e}\n"
    "@media(prefers-color-scheme:dark){:root{--same:#3fb950;--other:#ff7b72}}\n"
    ".scores{max-width:36rem}\n"
    ".query{display:grid;grid-template-columns:7.5rem 1fr;gap:1rem 1.5rem;align-items:start;"
    "border-top:1px solid var(--line);padding-top:1rem}\n"
    ".query h2{grid-column:1/-1;margin:0}\n"
    ".query ol{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.5rem,1fr));"
    "gap:1rem .75rem;list-style:none;margin:0;padding:0}\n"
    "section+section{margin-top:2rem}\n"
    "figure{margin:0;max-width:10rem}\n"
    "figure img{display:block;width:100%;height:auto;border:4px solid var(--plain);"
    "border-radius:4px;image-rendering:auto}\n"
    ".same img{border-color:var(--same)}\n"
    ".other img{border-color:var(--other);border-style:dashed}\n"
    "figcaption{font-size:.85rem;line-height:1.35;margin-top:.3rem;"
    "font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n"
    ".same b{color:var(--same)} .other b{color:var(--other)}\n"
    "@media(max-width:40rem){.query{grid-template-columns:1fr}"
    ".query>figure{max-width:6rem}"
    ".query ol{grid-template-columns:repeat(auto-fill,minmax(5.25rem,1fr))}}\n";

/* <img>, the picture in it. */
static int put_image(const struct views *v, size_t row, const char *alt, FILE *out)
{
    auto_free void *png = NULL;
    size_t len;
    const uint32_t side = (uint32_t)v->side;
    int rc = picture_encode(views_at(v, row), side, side, &png, &len);
    if (rc)
        return rc;
    fprintf(out, "<img width=\"%u\" height=\"%u\" alt=\"", side, side);
    html_text(alt, out);
    fputs("\" src=\"", out);
    html_data("image/png", png, len, out);
    fputs("\">", out);
    return 0;
}

/* The number, and the name of anybody's making, which keeps to its own direction. */
static void put_label(const struct table *t, int64_t label, FILE *out)
{
    const char *name = table_class(t, label);
    fprintf(out, "label %" PRId64, label);
    if (!name)
        return;
    fputs("<br><bdi>", out);
    html_text(name, out);
    fputs("</bdi>", out);
}

static int put_query(const struct retrieval *r, size_t query, FILE *out)
{
    const int64_t label = r->queries->f.labels[query];
    char alt[96 + TABLE_CLASS_MAX], class[TABLE_CLASS_MAX];
    snprintf(alt, sizeof alt, "query: row %zu, label %s", query,
             table_class_words(r->queries, label, class));
    fputs("<figure>", out);
    int rc = put_image(r->query_views, query, alt, out);
    fputs("<figcaption>query<br>", out);
    put_label(r->queries, label, out);
    fputs("</figcaption></figure>\n", out);
    return rc;
}

static int put_neighbour(const struct retrieval *r, size_t query, const struct neighbour *n,
                         size_t place, FILE *out)
{
    const int64_t label = r->bank->f.labels[n->row];
    const bool match = retrieval_match(r, query, n->row);
    char alt[128 + TABLE_CLASS_MAX], class[TABLE_CLASS_MAX];
    snprintf(alt, sizeof alt, "neighbour %zu: row %u, label %s, cosine %.4f, %s label", place,
             n->row, table_class_words(r->bank, label, class), (double)n->cosine,
             match ? "the same" : "another");
    fprintf(out, "<li><figure class=\"%s\">", match ? "same" : "other");
    int rc = put_image(r->bank_views, n->row, alt, out);
    fprintf(out, "<figcaption><b>%s</b> %.4f<br>", match ? "=" : "\xe2\x89\xa0", (double)n->cosine);
    put_label(r->bank, label, out);
    fprintf(out, "<br><span class=\"soft\">row %u</span></figcaption></figure></li>\n", n->row);
    return rc;
}

static int put_section(const struct retrieval *r, size_t i, FILE *out)
{
    const size_t query = r->rows[i];
    const struct neighbour *nearest = r->nearest + i * r->k;
    size_t matches = 0;
    for (size_t j = 0; j < r->k; j++)
        matches += retrieval_match(r, query, nearest[j].row);
    fprintf(out,
            "<section class=\"query\">\n<h2>Row %zu: %zu of %zu neighbours have its label</h2>\n",
            query, matches, r->k);
    int rc = put_query(r, query, out);
    fputs("<ol>\n", out);
    for (size_t j = 0; !rc && j < r->k; j++)
        rc = put_neighbour(r, query, &nearest[j], j + 1, out);
    fputs("</ol>\n</section>\n", out);
    return rc;
}

static void put_scores(const struct retrieval *r, FILE *out)
{
    fputs("<p>Bank: <code>", out);
    html_text(r->bank->name, out);
    fprintf(out, "</code>, %zu images. Queries: <code>", r->bank->f.n);
    html_text(r->queries->name, out);
    fprintf(out, "</code>, %zu images%s. Nearest by cosine of the features.</p>\n", r->queries->f.n,
            r->same ? "; they are the bank, and none is its own neighbour" : "");
    fputs("<div class=\"wide scores\" tabindex=\"0\"><table>\n<caption>Precision over all queries: "
          "the share of the first neighbours that have the query's label</caption>\n"
          "<thead><tr><th scope=\"col\">neighbours</th><th scope=\"col\" class=\"figure\">"
          "precision</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < r->n_precision; i++)
        fprintf(out, "<tr><th scope=\"row\">%zu</th><td class=\"figure\">%.2f&nbsp;%%</td></tr>\n",
                r->precision[i].at, 100 * r->precision[i].value);
    fputs("</tbody></table></div>\n<p class=\"soft\">Under each neighbour: its cosine, its label, "
          "its row in the bank. <span class=\"same\"><b>=</b></span> and an unbroken border: the "
          "query's label; <span class=\"other\"><b>\xe2\x89\xa0</b></span> and a dashed border: "
          "another.</p>\n",
          out);
}

int retrieval_page(const struct retrieval *r, const char *path)
{
    struct file_write file = {.out = NULL};
    int rc = file_write_begin(&file, path);
    if (!rc) {
        html_begin("Nearest neighbours", style, file.out);
        put_scores(r, file.out);
        for (size_t i = 0; !rc && i < r->n_rows; i++)
            rc = put_section(r, i, file.out);
        html_end(file.out);
    }
    if (!rc)
        rc = file_write_commit(&file);
    file_write_abort(&file);
    return rc;
}
