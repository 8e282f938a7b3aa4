/* SPDX-License-Identifier: Apache-2.0 */
/* replay_keys: the corpus of fuzz_keys: files of keys as we and as czmq write them, with and
 * without a secret key, and such that break each rule once; each as it is and altered. */
#include "tests/fuzz/replay.h"

#define PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
#define OTHER "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

/* The pair is that of ZeroMQ's own documents (zmq_curve(7)). */
static const char *const texts[] = {
    "#   a comment\n\nmetadata\ncurve\n    public-key = \"" PUBLIC "\"\n",
    "metadata\ncurve\n    public-key = \"" OTHER "\"\n    secret-key = \"" SECRET "\"\n",
    "metadata\ncurve\n    public-key = \"" PUBLIC "\"\n    secret-key = \"" SECRET "\"\n",
    "metadata\n    email = \"alice@example.org\"\n    name = 'alice # 1'\ncurve\n"
    "\tpublic-key='" PUBLIC "'\r\n",
    "curve\n public-key = " PUBLIC, /* no quotes, no last line's end */
    "curve\n public-key = " PUBLIC "  \n public-key = " PUBLIC "\n",
    "curve\n public-key = \"" PUBLIC "\n",
    "curve\n public-key " PUBLIC "\n",
    "curve\n public-key = \"" PUBLIC "0\"\n",
    "curve\n public-key = \"#####"
    "#####"
    "#####"
    "#####"
    "#####"
    "#####"
    "#####"
    "#####"
    "\"\n",
    "curve\n secret-key = \"" SECRET "\"\n",
    "public-key = \"" PUBLIC "\"\n",
    "metadata\n public-key = \"" PUBLIC "\"\n",
    "curves\n public-key = \"" PUBLIC "\"\n",
    "curve = x\n other = y\n public-key=" PUBLIC "\nmetadata\n z",
};

const unsigned long replay_corpus_least = 400;

void replay_corpus(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        replay_mutants((const uint8_t *)texts[i], strlen(texts[i]));
    /* Lines and files as long as they may be, and one byte longer. */
    for (size_t len = 510; len <= 513; len++) {
        char text[1024];
        int n =
            snprintf(text, sizeof text, "curve\n public-key = %s\n#%0*d\n", PUBLIC, (int)len, 0);
        replay((const uint8_t *)text, (size_t)n);
    }
    for (size_t len = 16383; len <= 16385; len++) {
        uint8_t *text = malloc(len);
        assert_non_null(text);
        memset(text, '\n', len);
        memcpy(text, texts[0], strlen(texts[0]));
        replay(text, len);
        free(text);
    }
    replay((const uint8_t *)"", 0);
}
