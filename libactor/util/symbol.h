/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of the function at an address, read from the symbol table of the program or library it is in. For
 * crash reports. Handlers are static functions: the dynamic symbols (dladdr, backtrace_symbols) never have
 * them, the symbol table of the file has them unless it was stripped. No heap, and only system calls and
 * dladdr, which takes the loader's lock: it is for signal handlers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	char name[128];        /* "": not known */
	char file[128];        /* its base name; "": no object has the address */
	uintptr_t offset;      /* in the function */
	uintptr_t file_offset; /* in the object: what addr2line wants */
	bool in_program;       /* not in a library */
};

/* @pc: exactly there, or right behind the call when @is_return. */
void symbol_find(const void *pc, bool is_return, struct symbol *ret);
