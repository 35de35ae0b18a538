/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/table.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "tools/view/output.h"

struct table {
	const struct ctl *ctl;
	const struct table_column *columns;
	size_t n_columns;
	struct libscols_table *scols;
	struct libscols_line *last;
};

struct table *table_new(const struct ctl *ctl, const struct table_column *columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->ctl = ctl;
	table->columns = columns;
	table->scols = scols_new_table();
	if (!table->scols)
		return table_free(table);
	for (; columns[table->n_columns].heading; table->n_columns++) {
		const struct table_column *c = &columns[table->n_columns];
		int flags = (c->flags & TABLE_RIGHT ? SCOLS_FL_RIGHT : 0) |
			    (c->flags & TABLE_CUT ? SCOLS_FL_TRUNC : 0);

		if (!scols_table_new_column(table->scols, c->heading, c->flags & TABLE_CUT ? 0.1 : 0, flags))
			return table_free(table);
	}
	scols_table_enable_noheadings(table->scols, !ctl->headings);
	scols_table_enable_colors(table->scols, ctl_colors(ctl));
	scols_table_set_column_separator(table->scols, "  ");
	return table;
}

struct table *table_free(struct table *table)
{
	if (table)
		scols_unref_table(table->scols);
	free(table);
	return NULL;
}

int table_add(struct table *table, const char *const cells[])
{
	table->last = scols_table_new_line(table->scols, NULL);
	if (!table->last)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_columns; i++)
		if (scols_line_set_data(table->last, i, cells[i]))
			return -ENOMEM;
	return 0;
}

void table_color(struct table *table, size_t column, const char *color)
{
	struct libscols_cell *cell = table->last ? scols_line_get_cell(table->last, column) : NULL;

	if (cell && color)
		scols_cell_set_color(cell, color);
}

static int table_print_tabs(struct table *table)
{
	struct libscols_iter *iter = scols_new_iter(SCOLS_ITER_FORWARD);
	struct libscols_line *line;

	if (!iter)
		return -ENOMEM;
	if (table->ctl->headings)
		for (size_t i = 0; i < table->n_columns; i++)
			printf("%s%s", i ? "\t" : "", table->columns[i].heading);
	if (table->ctl->headings)
		putchar('\n');
	while (!scols_table_next_line(table->scols, iter, &line)) {
		for (size_t i = 0; i < table->n_columns; i++) {
			const char *text = scols_cell_get_data(scols_line_get_cell(line, i));

			if (i)
				putchar('\t');
			output_text(text ? text : "");
		}
		putchar('\n');
	}
	scols_free_iter(iter);
	return 0;
}

int table_print(struct table *table)
{
	if (!table->ctl->stdout_is_tty && table->ctl->color != CTL_COLOR_ALWAYS)
		return table_print_tabs(table);
	if (!scols_table_get_nlines(table->scols)) {
		/* For an empty table libsmartcols prints nothing, so the headings are printed here. */
		for (size_t i = 0; table->ctl->headings && i < table->n_columns; i++)
			printf("%s%s", table->columns[i].heading, i + 1 < table->n_columns ? "  " : "\n");
		return 0;
	}
	return scols_print_table(table->scols);
}
