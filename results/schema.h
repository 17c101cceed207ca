/* The database's shape: created, brought up to this program's version, refused when newer. */
#ifndef VB_SCHEMA_H
#define VB_SCHEMA_H

#include "db.h"

#define VB_SCHEMA_VERSION 1

/* Creates or migrates; replaces the views when this program's differ. Writes only where something differs. */
vb_status vb_schema_apply(vb_db *db, vb_err *err);
/* ours: this program's views are there, by their text; claimed: the database says that they were made from this program's. */
vb_status vb_schema_views(bool *ours, bool *claimed, vb_db *db, vb_err *err);
/* VB_ESTORE unless db is a savbench database of this version, with its columns; shown names it. */
vb_status vb_schema_check(vb_db *db, const char *shown, vb_err *err);

#endif
