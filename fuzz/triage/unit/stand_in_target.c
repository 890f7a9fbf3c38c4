// SPDX-License-Identifier: GPL-2.0-only
/*
 * stand_in_target.c - what afl-fuzz runs in the driver's test: as the real target, but for the
 * session. Its coverage is which operations there were.
 */
#include "../../session.h"
#include "../counts.h"
#include "../record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern uint8_t *__afl_area_ptr;
extern uint8_t *__afl_fuzz_ptr;
extern uint32_t *__afl_fuzz_len;
int __afl_persistent_loop(unsigned int runs);
void __afl_manual_init(void);

int __afl_sharedmem_fuzzing = 1;

__attribute__((used)) static const char *const can[] = {
	"##SIG_AFL_PERSISTENT##",
	"##SIG_AFL_DEFER_FORKSRV##",
};

static void finding(const struct fz_verdict *v, const uint8_t *in, size_t len)
{
	const char *out = getenv("HOLDFAST_FUZZ_OUT");
	char path[4096], new[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/verdict-%d.input", out, (int)getpid());
	f = fopen(path, "we");
	if (!f || fwrite(in, 1, len, f) != len || fclose(f))
		_exit(3);
	snprintf(new, sizeof(new), "%s/verdict-%d.new", out, (int)getpid());
	snprintf(path, sizeof(path), "%s/verdict-%d.txt", out, (int)getpid());
	f = fopen(new, "we");
	if (!f)
		_exit(3);
	fprintf(f, "step: %d\noperation: %s\noracle: %s\nsignature: %s\ntext: %s\n", v->step,
		v->operation, fz_oracle_name(v->oracle), v->signature, v->text);
	if (fclose(f) || rename(new, path))
		_exit(3);
	abort();
}

int main(void)
{
	static uint8_t input[FZ_INPUT_MAX];
	struct fz_recorder *recorder = NULL;
	struct fz_counts *counts = NULL;
	struct fz_session *session;
	const struct fz_options options = { 0 };

	__afl_manual_init();
	if (fz_session_begin(&session, &options) ||
	    fz_record_open(getenv("HOLDFAST_RECORDER"), &recorder) ||
	    fz_counts_open(getenv("HOLDFAST_FUZZ_COUNTS"), &counts))
		_exit(3);
	while (__afl_persistent_loop(500)) {
		const size_t len = *__afl_fuzz_len < sizeof(input) ? *__afl_fuzz_len : sizeof(input);
		struct fz_verdict v = { 0 };
		struct fz_sequence s;
		int ret;

		memcpy(input, __afl_fuzz_ptr, len);
		fz_decode(input, len, &s);
		for (unsigned int i = 0; i < s.n; i++)
			__afl_area_ptr[1 + s.op[i].code]++;
		__afl_area_ptr[0] = 1;
		fz_record(recorder, input, len);
		ret = fz_session_run(session, input, len, &v);
		fz_record_done(recorder);
		fz_counts_tick(counts, fz_session_stats(session));
		if (ret) {
			fz_counts_save(counts, fz_session_stats(session));
			finding(&v, input, len);
		}
	}
	fz_counts_save(counts, fz_session_stats(session));
	fz_session_end(session, NULL);
	return 0;
}
