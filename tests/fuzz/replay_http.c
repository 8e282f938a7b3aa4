/* SPDX-License-Identifier: Apache-2.0 */
/* replay_http: the corpus of fuzz_http: what clients send, and what they should not. */
#include "tests/fuzz/replay.h"

const unsigned long replay_corpus_least = 700;

static const char *const texts[] = {
    ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9155\r\nUser-Agent: Prometheus/2.42.0\r\nAccept: "
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n\r\n"),
    "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "HEAD /readyz?verbose=1 HTTP/1.0\r\n\r\n",
    "GET http://127.0.0.1:9155/metrics HTTP/1.1\r\nhost:a\r\n\r\n",
    "\r\n\r\nGET / HTTP/1.1\nHost: x\n\nGET /next HTTP/1.1\r\n\r\n",
    "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "GET / HTTP/1.1\r\nX:\r\n folded\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "\x16\x03\x01\x02\x05\x01\x0c\x03\x03", /* TLS */
    "\xff\x7f greetings of ZeroMQ",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

/* Heads about as long as they may be. */
static void corpus_of_lengths(void)
{
    static char text[5000];
    for (size_t len = 4090; len <= 4100; len++) {
        const int head = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
        memset(text + head, 'a', len - (size_t)head);
        memcpy(text + len - 4, "\r\n\r\n", 4);
        replay((const uint8_t *)text, len);
    }
    memset(text, '\n', sizeof text);
    replay((const uint8_t *)text, sizeof text);
    memset(text, ' ', sizeof text);
    replay((const uint8_t *)text, sizeof text);
}

void replay_corpus(void)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        replay_mutants((const uint8_t *)texts[i], strlen(texts[i]));
    corpus_of_lengths();
    replay((const uint8_t *)"", 0);
}
