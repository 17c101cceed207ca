/* Text from files and databases on its way out: to a terminal, into CSV, into JSON. Names may be hostile. */
#ifndef VB_TEXT_SAFE_H
#define VB_TEXT_SAFE_H

#include <stddef.h>
#include <stdio.h>

/* One UTF-8 character of s [n]: its length in bytes, or 0 when the first byte begins none (malformed, overlong, surrogate). */
size_t vb_utf8_length(const char *s, size_t n);

/* For terminals: control characters (C0, DEL, C1), separators that turn text around, and malformed bytes become \xNN. malloc'ed;
 * NULL: out of memory. */
char *vb_text_printable(const char *s);
size_t vb_text_width(const char *printable); /* columns, one per character */

/* RFC 4180 field. Text that a spreadsheet would run as a formula (=, +, -, @, tab, CR first) gets a leading '. */
void vb_csv_text(FILE *to, const char *s);

/* JSON string with quotes; malformed bytes become U+FFFD. */
void vb_json_text(FILE *to, const char *s);

#endif
