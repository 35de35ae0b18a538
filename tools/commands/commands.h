/* SPDX-License-Identifier: Apache-2.0 */
/* One for each verb. Each is defined in the file of its family. */
#pragma once

#include "tools/view/ctl.h"

extern const struct command command_up, command_down, command_status, command_ls, command_spawn, command_stop,
	command_start, command_restart, command_kill, command_rm, command_logs, command_call, command_send,
	command_send_input, command_describe, command_whereis, command_names, command_pg, command_monitor,
	command_quota, command_metrics, command_trace, command_actors, command_inspect, command_suspend,
	command_resume, command_help, command_version, command_complete, command_explain, command_set;

/* subcommands of pg, in pg-message.c and pg-watch.c */
extern const struct command command_pg_cast, command_pg_call, command_pg_watch;

/* metrics-serve.c: serves HTTP at @address until it is interrupted. Returns the exit status. */
int metrics_serve(struct ctl *ctl, const char *address, uint64_t max);

/* help.c */
int help_print(const struct ctl *ctl, FILE *to);
int help_print_command(const struct command *command, FILE *to);
/*
 * Fails with a message that names the nearest command. @family: the command of which @word is no subcommand,
 * or NULL.
 */
int help_unknown_command(const struct ctl *ctl, const struct command *family, const char *word);
