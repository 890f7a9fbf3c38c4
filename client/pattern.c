// SPDX-License-Identifier: GPL-2.0-only
/*
 * pattern.c - tags from logical addresses.
 *
 * Words are stored little-endian whatever the machine, so a byte's value is a function of its
 * logical address and the seed alone. Whole words are the fast path: a test fills gigabytes.
 */
#include <endian.h>
#include <holdfast/pattern.h>
#include <string.h>

/* The finaliser of a 64-bit mixing generator: neighbours differ in about half of their bits. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t mix_seed(uint64_t seed)
{
	return mix(seed + 0x9e3779b97f4a7c15ULL);
}

static uint64_t word_at(uint64_t addr, uint64_t mixed_seed)
{
	return htole64(mix((addr & ~7ULL) ^ mixed_seed));
}

static uint8_t byte_at(uint64_t addr, uint64_t mixed_seed)
{
	const uint64_t word = word_at(addr, mixed_seed);
	uint8_t bytes[8];

	memcpy(bytes, &word, sizeof(bytes));
	return bytes[addr & 7];
}

uint64_t hf_pattern_tag(uint64_t addr, uint64_t seed)
{
	return mix((addr & ~7ULL) ^ mix_seed(seed));
}

void hf_pattern_fill(void *buf, size_t len, uint64_t base, uint64_t seed)
{
	const uint64_t s = mix_seed(seed);
	uint8_t *p = buf;
	size_t i = 0;

	for (; i < len && ((base + i) & 7); i++)
		p[i] = byte_at(base + i, s);
	for (; len - i >= 8; i += 8) {
		const uint64_t word = word_at(base + i, s);

		memcpy(p + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		p[i] = byte_at(base + i, s);
}

/* Note one differing byte; the first one is kept. */
static void note(struct hf_mismatch *m, size_t offset, uint8_t got, uint8_t want)
{
	if (!m->bytes++) {
		m->offset = offset;
		m->got = got;
		m->want = want;
	}
}

bool hf_pattern_check(const void *buf, size_t len, uint64_t base, uint64_t seed,
		      struct hf_mismatch *bad)
{
	const uint64_t s = mix_seed(seed);
	struct hf_mismatch m = { 0 };
	const uint8_t *p = buf;
	size_t i = 0;

	while (i < len) {
		if (!((base + i) & 7) && len - i >= 8) {
			const uint64_t want = word_at(base + i, s);
			uint64_t got;

			memcpy(&got, p + i, sizeof(got));
			if (got == want) {
				i += 8;
				continue;
			}
		}
		/* At an edge, or inside a word that differs: byte by byte up to its end. */
		do {
			const uint8_t want = byte_at(base + i, s);

			if (p[i] != want)
				note(&m, i, p[i], want);
			i++;
		} while (i < len && ((base + i) & 7));
	}
	if (m.bytes && bad)
		*bad = m;
	return !m.bytes;
}

bool hf_pattern_is_byte(const void *buf, size_t len, uint8_t byte, struct hf_mismatch *bad)
{
	struct hf_mismatch m = { 0 };
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		if (p[i] != byte)
			note(&m, i, p[i], byte);
	if (m.bytes && bad)
		*bad = m;
	return !m.bytes;
}
