/* The project's SQL files as text in the program; made by the build from sql/ (embed_sql.cmake). */
#ifndef VB_SQL_TEXT_H
#define VB_SQL_TEXT_H

extern const char vb_sql_schema[]; /* sql/schema.sql: version 1 */
extern const char vb_sql_views[];  /* sql/views.sql: views only; replaced as a whole */

#endif
