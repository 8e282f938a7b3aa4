/* SPDX-License-Identifier: Apache-2.0 */
/* summary: see summary.h. Takes figures, gives lines of text that begin with what they are about.
 */
#include "trainer/watch/summary.h"

#include <inttypes.h>
#include <math.h>

static void print_steps(const struct summary *s, FILE *out)
{
    double stepping = s->seconds - s->away_s;
    double images = (double)(s->step - s->first) * (double)s->images;
    fprintf(out,
            "steps   %" PRIu64 " of %" PRIu64
            "%s, %.1f s, %.1f images/s, %.1f %% waiting for data, %.1f s scoring and saving\n",
            s->step, s->end, s->step < s->end ? " (stopped; --resume goes on)" : "", s->seconds,
            stepping > 0 ? images / stepping : 0.0,
            stepping > 0 ? 100 * s->counts->wait_s / stepping : 0.0, s->away_s);
}

void summary_print(const struct summary *s, FILE *out)
{
    fprintf(out, "run     %s\n", s->folder);
    print_steps(s, out);
    fprintf(out, "losses ");
    for (uint32_t i = 0; i < s->losses->n; i++) {
        double value = (double)s->losses->item[i].value;
        if (isfinite(value))
            fprintf(out, " %s %.4f", s->losses->item[i].name, value);
        else
            fprintf(out, " %s -", s->losses->item[i].name);
    }
    if (s->rank >= 0)
        fprintf(out, " rank %.1f", s->rank);
    fprintf(out,
            "\ndata    %" PRIu64 " images substituted, %" PRIu64
            " batches asked for again, %" PRIu64 " damaged, %" PRIu64
            " messages unreadable, %" PRIu64 " disconnects\n",
            s->counts->substituted, s->counts->rerequests, s->counts->crc_errors,
            s->counts->unreadable, s->counts->disconnects);
    if (s->knn_last >= 0)
        fprintf(out, "knn     %.2f %%", 100 * s->knn_last);
    if (s->knn_last >= 0 && s->knn_first >= 0)
        fprintf(out, ", at the start %.2f %%", 100 * s->knn_first);
    if (s->knn_last >= 0)
        fputc('\n', out);
    profile_report(s->profile, out);
}
