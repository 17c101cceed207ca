/* JSON as text, whole or not at all. jansson's json_dumps (2.14) goes on where its text cannot grow while it writes a key: the key is
 * missing then, and nobody is told. */
#ifndef VB_JSON_WHOLE_H
#define VB_JSON_WHOLE_H

#include <jansson.h>

/* malloc'ed; NULL: no memory, or v is NULL. flags: jansson's. */
char *vb_json_whole(const json_t *v, size_t flags);

#endif
