/* Linked into savbench where it is built for sanitizers or Valgrind: nothing is unloaded. Leaks are looked for at the process's end,
 * and what Open MPI's plugins keep allocated can be told from what we leave (lsan.supp, valgrind.supp) only while it is known
 * whose code it was. */
int dlclose(void *handle);
int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
