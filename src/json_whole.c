/* JSON as text; see json_whole.h. Into room that was measured before: nothing grows while it is written. */
#include "json_whole.h"

#include <stdlib.h>

char *vb_json_whole(const json_t *v, size_t flags)
{
    const size_t n = json_dumpb(v, NULL, 0, flags);
    char *text = n ? malloc(n + 1) : NULL;

    if (text && json_dumpb(v, text, n, flags) != n) {
        free(text);
        return NULL;
    }
    if (text)
        text[n] = '\0';
    return text;
}
