/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows and columns. On a terminal libsmartcols aligns and colours them and cuts the last column to the width;
 * into a pipe go the whole cells, separated by one tab each, as cut and awk like them.
 */
#pragma once

#include <stddef.h>

#include "tools/view/ctl.h"

struct table;

enum table_column_flags {
	TABLE_RIGHT = 1 /* numbers */,
	TABLE_CUT = 2 /* gives way when the terminal is narrow */
};

struct table_column {
	const char *heading; /* NULL ends the list */
	unsigned flags;
};

/* NULL: out of memory. */
struct table *table_new(const struct ctl *ctl, const struct table_column *columns);
struct table *table_free(struct table *table);
/* One text for each column, copied. 0 or -ENOMEM. */
int table_add(struct table *table, const char *const cells[]);
/* Of a cell in the row added last: "green", "yellow", "red". Needs a terminal, or --color=always. */
void table_color(struct table *table, size_t column, const char *color);
int table_print(struct table *table);
