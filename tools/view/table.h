/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints tables. On a terminal libsmartcols aligns and colours the cells, and cuts columns with TABLE_CUT to
 * the width. Into a pipe whole cells are written, with a tab between two cells, as cut and awk need it.
 */
#pragma once

#include <stddef.h>

#include "tools/view/ctl.h"

struct table;

enum table_column_flags {
	TABLE_RIGHT = 1 /* aligned to the right, for numbers */,
	TABLE_CUT = 2 /* is cut if the terminal is narrow */
};

struct table_column {
	const char *heading; /* NULL ends the list */
	unsigned flags;
};

/* NULL: out of memory. */
struct table *table_new(const struct ctl *ctl, const struct table_column *columns);
struct table *table_free(struct table *table);
/* Adds a row. @cells has one text for each column. The texts are copied. 0 or -ENOMEM. */
int table_add(struct table *table, const char *const cells[]);
/*
 * Colours a cell of the last row: "green", "yellow", "red". This has an effect only on a terminal, or with
 * --color=always.
 */
void table_color(struct table *table, size_t column, const char *color);
int table_print(struct table *table);
