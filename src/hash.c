/* SHA-256 by libcrypto's EVP; see hash.h. */
#include "hash.h"

#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vb_sha {
    EVP_MD_CTX *ctx;
};

static void sha_free(vb_sha *s)
{
    if (s)
        EVP_MD_CTX_free(s->ctx);
    free(s);
}

vb_status vb_sha_create(vb_sha **out, vb_err *err)
{
    vb_sha *s = calloc(1, sizeof *s);

    *out = NULL;
    if (!s || !(s->ctx = EVP_MD_CTX_new()) || EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) != 1) {
        sha_free(s);
        return vb_fail(err, VB_ENOMEM, "SHA-256: libcrypto gives no context");
    }
    *out = s;
    return VB_OK;
}

vb_status vb_sha_add(vb_sha *s, const void *data, size_t n, vb_err *err)
{
    if (n && EVP_DigestUpdate(s->ctx, data, n) != 1)
        return vb_fail(err, VB_EIO, "SHA-256: libcrypto refused %zu bytes", n);
    return VB_OK;
}

vb_status vb_sha_finish(vb_sha *s, char out[65], vb_err *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int ok = EVP_DigestFinal_ex(s->ctx, md, &n);

    sha_free(s);
    if (ok != 1 || n != 32)
        return vb_fail(err, VB_EIO, "SHA-256: libcrypto gave no digest");
    for (unsigned i = 0; i < 32; i++) {
        out[2 * i] = digits[md[i] >> 4];
        out[2 * i + 1] = digits[md[i] & 15];
    }
    out[64] = '\0';
    return VB_OK;
}

vb_status vb_sha256(char out[65], const void *data, size_t n, vb_err *err)
{
    vb_sha *s;
    vb_status st = vb_sha_create(&s, err);

    if (st)
        return st;
    if ((st = vb_sha_add(s, data, n, err))) {
        sha_free(s);
        return st;
    }
    return vb_sha_finish(s, out, err);
}

vb_status vb_sha256_file(char out[65], const char *path, vb_err *err)
{
    enum { CHUNK = 1 << 17 };
    vb_status st;
    vb_sha *s = NULL;
    char *buf = malloc(CHUNK);
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f) {
        st = vb_fail(err, VB_EIO, "'%s': cannot open: %s", path, strerror(errno));
        goto out;
    }
    if (!buf) {
        st = vb_fail(err, VB_ENOMEM, "host memory for hashing '%s'", path);
        goto out;
    }
    if ((st = vb_sha_create(&s, err)))
        goto out;
    while ((n = fread(buf, 1, CHUNK, f)) > 0)
        if ((st = vb_sha_add(s, buf, n, err)))
            goto out;
    if (ferror(f)) {
        st = vb_fail(err, VB_EIO, "'%s': cannot read: %s", path, strerror(errno));
        goto out;
    }
    st = vb_sha_finish(s, out, err);
    s = NULL;
out:
    sha_free(s);
    free(buf);
    if (f)
        fclose(f);
    return st;
}
