/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/symbol.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image { /* a whole file, mapped; its contents are checked before use */
	const uint8_t *data;
	size_t size_bytes;
};

static const void *image_at(const struct image *image, uint64_t offset, uint64_t n, uint64_t item_bytes)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(n, item_bytes, &bytes) || offset > image->size_bytes ||
		bytes > image->size_bytes - offset || offset % 8)
		return NULL;
	return image->data + offset;
}

static void symbol_copy(char *ret, size_t size, const char *s, size_t max)
{
	size_t n = strnlen(s, max < size ? max : size - 1);

	memcpy(ret, s, n);
	ret[n] = 0;
}

/* Finds the function in table @section that contains @address. */
static bool table_find(const struct image *image, const Elf64_Shdr *sections, unsigned n_sections,
	const Elf64_Shdr *section, uint64_t address, struct symbol *ret)
{
	uint64_t n = section->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbols = image_at(image, section->sh_offset, n, sizeof(*symbols));
	const Elf64_Shdr *strings = section->sh_link < n_sections ? &sections[section->sh_link] : NULL;

	if (!symbols || !strings || strings->sh_offset > image->size_bytes ||
		strings->sh_size > image->size_bytes - strings->sh_offset)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		const Elf64_Sym *symbol = &symbols[i];

		if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF ||
			address < symbol->st_value || address - symbol->st_value >= symbol->st_size ||
			symbol->st_name >= strings->sh_size)
			continue;
		symbol_copy(ret->name, sizeof(ret->name),
			(const char *)image->data + strings->sh_offset + symbol->st_name,
			strings->sh_size - symbol->st_name);
		ret->offset = address - symbol->st_value;
		return true;
	}
	return false;
}

static void image_find(const struct image *image, uintptr_t base, uintptr_t address, struct symbol *ret)
{
	static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
	const Elf64_Ehdr *head = image_at(image, 0, 1, sizeof(*head));
	const Elf64_Shdr *sections;

	if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_ident[EI_CLASS] != ELFCLASS64 ||
		head->e_shentsize != sizeof(*sections))
		return;
	sections = image_at(image, head->e_shoff, head->e_shnum, sizeof(*sections));
	if (!sections)
		return;
	if (head->e_type != ET_EXEC)
		address -= base;
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
		for (unsigned i = 0; i < head->e_shnum; i++)
			if (sections[i].sh_type == kinds[kind] &&
				table_find(image, sections, head->e_shnum, &sections[i], address, ret))
				return;
}

static bool is_program(const void *base)
{
	const Elf64_Ehdr *head = base;

	return (const uint8_t *)base + head->e_phoff == (const uint8_t *)getauxval(AT_PHDR);
}

void symbol_find(const void *pc, bool is_return, struct symbol *ret)
{
	/*
	 * The call before a return address may be the last instruction of its function, if the called
	 * function never returns. Then the return address is in the next function.
	 */
	uintptr_t address = (uintptr_t)pc - is_return;
	struct image image;
	const char *slash;
	struct stat st;
	Dl_info info;
	int fd;

	*ret = (struct symbol){.name = "", .file = ""};
	if (!dladdr((const void *)address, &info) || !info.dli_fbase || !info.dli_fname)
		return;
	ret->in_program = is_program(info.dli_fbase);
	ret->file_offset = (uintptr_t)pc - (uintptr_t)info.dli_fbase;
	slash = strrchr(info.dli_fname, '/');
	symbol_copy(ret->file, sizeof(ret->file), slash ? slash + 1 : info.dli_fname, sizeof(ret->file));
	fd = open(ret->in_program ? "/proc/self/exe" : info.dli_fname, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		image.size_bytes = (size_t)st.st_size;
		image.data = mmap(NULL, image.size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (image.data != MAP_FAILED) {
			image_find(&image, (uintptr_t)info.dli_fbase, address, ret);
			(void)munmap((void *)image.data, image.size_bytes);
		}
	}
	close(fd);
	if (ret->name[0])
		ret->offset += is_return;
}
