/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe that does not take what is written: what comes for it is parked, and its senders wait. */
#pragma once

struct member;

/* From now on frames are parked: the pipe has its megabyte, and says when that is gone. */
void congestion_begin(struct member *target);
void congestion_end(struct member *target);
/* The pipe has room. What is parked is written as far as the room goes, and then its senders may go on. */
void congestion_go_on(struct member *target);
