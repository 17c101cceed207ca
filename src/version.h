/* Version and source revision of this build, for provenance. */
#ifndef VB_VERSION_H
#define VB_VERSION_H

extern const char vb_version[];      /* "0.1.0" */
extern const char vb_git_revision[]; /* 40 hex digits, "+" when the tree had changes, "" outside a checkout */

#endif
