/* A board's tree of files (boards/) laid out in a folder of its own. */
#ifndef TREE_H
#define TREE_H

/* Makes a new folder and boards/NAME.tree in it. */
void tree_make(char root[256], const char *name);
/* Writes one file of it anew; content NULL removes it. */
void tree_set(const char *root, const char *path, const char *content);
typedef struct {
    char path[160], content[256];
} tree_file;
/* The files of boards/NAME.tree; returns how many, at most `most`. */
int tree_files(tree_file *files, int most, const char *name);
void tree_remove(const char *root);

#endif
