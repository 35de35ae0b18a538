/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

void crash_report_start(
	actor_group *group); /* for a program whose process belongs to the group alone (actor_main) */
void crash_report_stop(void);
