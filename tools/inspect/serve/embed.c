/* SPDX-License-Identifier: Apache-2.0 */
/* embed: takes files, gives a C source with their bytes in it, as the rows of page_files[]
 * (pages.h). Runs while building, on the machine that builds.
 *     embed OUT FILE... */
#include <stdio.h>
#include <string.h>

/* One file as an array. 0, or -1 with a line on standard error. */
static int bytes_write(const char *path, int number, FILE *out)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return -1;
    }
    fprintf(out, "static const unsigned char file_%d[] = {", number);
    unsigned long n = 0;
    for (int c; (c = getc(in)) != EOF; n++)
        fprintf(out, "%s%d,", n % 20 ? "" : "\n", c);
    fprintf(out, "\n};\n");
    const int failed = ferror(in) || !n;
    if (failed)
        fprintf(stderr, "%s: nothing could be read\n", path);
    fclose(in);
    return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: embed OUT FILE...\n");
        return 64;
    }
    FILE *out = fopen(argv[1], "w");
    if (!out) {
        perror(argv[1]);
        return 70;
    }
    int rc = 0;
    fprintf(out, "/* made by embed from the files that it names */\n"
                 "#include \"tools/inspect/serve/pages.h\"\n");
    for (int i = 2; i < argc && !rc; i++)
        rc = bytes_write(argv[i], i, out);
    fprintf(out, "const struct page_file page_files[] = {\n");
    for (int i = 2; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        fprintf(out, "    {\"/%s\", file_%d, sizeof file_%d},\n", slash ? slash + 1 : argv[i], i,
                i);
    }
    fprintf(out, "};\nconst unsigned long page_files_n = %d;\n", argc - 2);
    if (fclose(out) || rc) {
        fprintf(stderr, "%s: could not be written\n", argv[1]);
        remove(argv[1]);
        return 70;
    }
    return 0;
}
