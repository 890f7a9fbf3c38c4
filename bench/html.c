// SPDX-License-Identifier: GPL-2.0-only
/*
 * html.c - the report page.
 */
#include "html.h"
#include "table.h"

#include <holdfast/markup.h>

static const char head[] =
	"<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n"
	"<meta name=viewport content=\"width=device-width\">\n<title>holdfast-bench</title>\n"
	"<style>\n"
	"body{font:15px/1.45 sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#222}\n"
	"table{border-collapse:collapse;font-size:14px}\n"
	"th,td{padding:.15em .7em;border-bottom:1px solid #e4e4e4;text-align:left}\n"
	"th{border-bottom:2px solid #999;vertical-align:bottom}\n"
	".n{text-align:right;font-variant-numeric:tabular-nums}\n"
	".good{color:#126b2f}.bad{color:#b00020;font-weight:bold}\n"
	"svg{max-width:100%;height:auto}\n"
	"dl{display:grid;grid-template-columns:max-content auto;gap:.1em 1em;font-size:13px}\n"
	"dd{margin:0;font-family:monospace;overflow-wrap:anywhere}\n"
	"</style>\n<h1>holdfast-bench</h1>\n"
	"<p>Cost of VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA, per 4K page and for the whole "
	"operation, with the kernel's own backend (stock) and with holdfast, measured in turn in "
	"the same boot, prefaulted memory over the same pages. Ratio: stock divided by holdfast; "
	"above 1 holdfast is cheaper. An asterisk: repetitions were further apart than they should be.</p>\n";

static void reasons(FILE *out, const struct bench_run *run, enum bench_status status,
		    const char *heading)
{
	bool any = false;

	for (size_t i = 0; i < run->count; i++) {
		const struct bench_result *r = &run->results[i];

		if (r->status != status)
			continue;
		fprintf(out, "%s<li>%s: ", any ? "" : heading, r->what.name);
		hf_markup_text(out, r->reason);
		fputc('\n', out);
		any = true;
	}
	if (any)
		fputs("</ul>\n", out);
}

static void members(FILE *out, json_object *o)
{
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, key, value) {
		fputs("<dt>", out);
		hf_markup_text(out, key);
		fputs("<dd>", out);
		hf_markup_text(out, value ? json_object_get_string(value) : "");
		fputc('\n', out);
	}
}

void bench_html(FILE *out, const struct bench_run *runs, const char *const *svgs, size_t count)
{
	fputs(head, out);
	for (size_t i = 0; i < count; i++) {
		const struct bench_run *run = &runs[i];

		fputs("<h2>Linux ", out);
		hf_markup_text(out, bench_run_text(run, "kernel"));
		fprintf(out, ": %s</h2>\n", bench_mode_unit(run->mode));
		hf_markup_svg(out, svgs[i]);
		bench_table_html(out, run);
		reasons(out, run, BENCH_FAILED, "<h3>Failed</h3>\n<ul>\n");
		reasons(out, run, BENCH_SKIPPED, "<h3>Skipped</h3>\n<ul>\n");
		fputs("<h3>Where and how</h3>\n<dl>\n", out);
		members(out, run->host);
		members(out, run->guest);
		fputs("</dl>\n", out);
	}
	fputs("</html>\n", out);
}
