/* Safe text; see text_safe.h. */
#include "text_safe.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t vb_utf8_length(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t length = u[0] < 0x80 ? 1 : u[0] < 0xC2 ? 0 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : u[0] < 0xF5 ? 4 : 0;

    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((u[i] & 0xC0) != 0x80)
            return 0;
    if ((u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xED && u[1] > 0x9F) || (u[0] == 0xF0 && u[1] < 0x90) ||
        (u[0] == 0xF4 && u[1] > 0x8F))
        return 0;
    return length;
}

/* Characters that act on a terminal or on the order of what is shown: C0, DEL, C1, U+2028..202E, U+2066..2069. */
static int acts(const unsigned char *u, size_t length)
{
    if (length == 1)
        return u[0] < 0x20 || u[0] == 0x7F;
    if (length == 2)
        return u[0] == 0xC2 && u[1] < 0xA0;
    return length == 3 && u[0] == 0xE2 && ((u[1] == 0x80 && u[2] >= 0xA8 && u[2] <= 0xAE) || (u[1] == 0x81 && u[2] >= 0xA6 && u[2] <= 0xA9));
}

char *vb_text_printable(const char *s)
{
    size_t n = strlen(s), at = 0;
    char *out = malloc(4 * n + 1);

    if (!out)
        return NULL;
    for (size_t i = 0; i < n;) {
        size_t length = vb_utf8_length(s + i, n - i);

        if (length > 0 && !acts((const unsigned char *)s + i, length)) {
            memcpy(out + at, s + i, length);
            at += length;
        } else {
            length = length ? length : 1;
            for (size_t k = 0; k < length; k++)
                at += (size_t)sprintf(out + at, "\\x%02X", (unsigned char)s[i + k]);
        }
        i += length;
    }
    out[at] = 0;
    return out;
}

size_t vb_text_width(const char *printable)
{
    size_t n = 0;

    for (; *printable; printable++)
        n += ((unsigned char)*printable & 0xC0) != 0x80;
    return n;
}

void vb_csv_text(FILE *to, const char *s)
{
    /* "-" alone and plain numbers do nothing in a spreadsheet, but a text column has no need of them either. */
    int formula = s[0] && strchr("=+-@\t\r", s[0]) != NULL;
    int quote = formula || s[strcspn(s, ",\"\r\n")] != 0 || s[0] == ' ' || (s[0] && s[strlen(s) - 1] == ' ');

    if (quote)
        putc('"', to);
    if (formula)
        putc('\'', to);
    for (; *s; s++) {
        if (*s == '"')
            putc('"', to);
        putc(*s, to);
    }
    if (quote)
        putc('"', to);
}

void vb_json_text(FILE *to, const char *s)
{
    size_t n = strlen(s);

    putc('"', to);
    for (size_t i = 0; i < n;) {
        size_t length = vb_utf8_length(s + i, n - i);
        unsigned char c = (unsigned char)s[i];

        if (length == 0)
            fputs("\\ufffd", to);
        else if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            fprintf(to, "\\u%04x", c);
        else
            fwrite(s + i, 1, length, to);
        i += length ? length : 1;
    }
    putc('"', to);
}
