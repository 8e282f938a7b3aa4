/* SPDX-License-Identifier: Apache-2.0 */
/* replay_manifest: the corpus of fuzz_manifest: manifests with every column, every way to quote and
 * to end a line, and some that are wrong. */
#include "tests/fuzz/replay.h"

const unsigned long replay_corpus_least = 500;

static const char *const texts[] = {
    "path\na.png\nb.png\n",
    "path,label\na.png,0\nb.png,1\na.png,700\n",
    "label,path,split\r\nzoo,a.png,train\r\nant,b.png,test\r\n",
    "\xef\xbb\xbfpath,label\r\n\r\n\"a.png\",\"x, \"\"y\"\"\"\r\nb.png,\"z\"",
    "path,x,y,w,h\na.png,1,2.5,3,4\nb.png,,,,\n",
    "h,w,y,x,split,label,path\n1,2,3,4,train,-1,a.png\n,,,,train,5,./b.png\n",
    "path,label\na.png,1048575\n",
    "path,label\na.png,1\nb.png,cat\n",
    "path,note\n../../dev/null,\"two\nlines\"\n",
    "path\n/dev/shm\n",
    "path\nm.csv\n",
    "path\n\"a.png\n",
    "path,path\na.png,b.png\n",
    "path\ra.png\r",
    ",,,,,,path,,,,,\n,,,,,,a.png,,,,,\n",
    "path,label\na.png,\nb.png,\n",
    "\xef\xbd\x90,path\n1,a.png\n", /* not a mark */
};

void replay_corpus(void)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        replay_mutants((const uint8_t *)texts[i], strlen(texts[i]));
    replay((const uint8_t *)"path\na\0.png\n", 12);
    replay((const uint8_t *)"", 0);
}
