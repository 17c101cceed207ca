/* State folder: where an output folder's database lies when it is not in it. The two name each other: OUT/.state-dir says where
 * the database is and who writes it, STATE/.out-dir says whose it is. */
#ifndef VB_STATE_H
#define VB_STATE_H

#include "db.h"
#include "paths.h"

/* The folder that OUT/.state-dir names, where it has a database and is not another output folder's; else "". */
vb_status vb_state_linked(char state[VB_PATH_MAX], const char *out_dir, vb_err *err);
/* dir/summary.db exists. VB_EIO: it could not be found out. */
vb_status vb_state_has_database(bool *has, const char *dir, vb_err *err);

/* The rest is the writer's, under the lock. dir: OUT; writer: its name in the lock. */

/* Before the database is opened. A state folder of another output folder is refused (VB_EARG). One without a database gets a
 * copy of the one before: of the folder that OUT names, or of OUT's own. */
vb_status vb_state_prepare(const vb_paths *p, vb_err *err);

/* Before the first write: OUT and the state folder name each other; a link that no longer holds is removed. */
vb_status vb_state_claim(const vb_paths *p, int dir, const char *writer, vb_err *err);

/* VB_ESTORE where OUT's link is no longer what vb_state_claim left: the epoch is of a database that a newer coordinator with
 * another state folder, or on another host, does not read. */
vb_status vb_state_check(const vb_paths *p, int dir, const char *writer, vb_err *err);

/* folder/summary.db becomes a copy of from, in one file; dir: folder. */
vb_status vb_state_copy(int dir, const char *folder, vb_db *from, vb_err *err);

#endif
