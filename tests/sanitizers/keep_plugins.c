/* Linked into savbench where it is built with sanitizers: nothing is unloaded. LeakSanitizer looks at the process's end, and what
 * Open MPI's plugins keep allocated can be told from what we leave (lsan.supp) only while it is known whose code it was. */
int dlclose(void *handle);
int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
