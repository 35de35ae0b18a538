/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"

struct actor;

/* The functions behind actor_multicall() and actor_pg_multicall(). @self NULL: they wait by pumping. */
int multicall_v(actor_group *group, struct actor *self, const actor_dest *to, size_t n, const char *method,
	int64_t timeout_ms, struct actor_answer *answers, const char *format, va_list args);
int multicall_pg_v(actor_group *group, struct actor *self, const char *scope, const char *name,
	const char *method, int64_t timeout_ms, struct actor_answer **ret, size_t *ret_n, const char *format,
	va_list args);
