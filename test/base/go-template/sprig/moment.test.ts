import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGoTemplate } from "../../../../src/base/go-template/template.ts";

/** 1767323045 seconds. */
const nowMs = Date.parse("2026-01-02T03:04:05.678Z");
const run = (template: string, seed = "e1"): string =>
  compileGoTemplate(template, { hasMoment: true }).execute({ ts: 1_767_323_045, s: "1767323045" }, { nowMs, seed });

for (const [template, expected] of [
  ["{{ now }}", "2026-01-02 03:04:05.678 +0000 UTC"],
  ["{{ now | unixEpoch }}", "1767323045"],
  ["{{ now.Year }}", "2026"],
  ['{{ now.Format "20060102-150405" }}', "20260102-030405"],
  ['{{ (now).UTC.Format "15:04" }}', "03:04"],
  ['{{ "2006" | now.Format }}', "2026"],
  ['{{ $t := now }}{{ $t.Format "Jan 2" }}', "Jan 2"],
  ['{{ (now.AddDate 0 -1 30).Format "2006-01-02" }}', "2026-01-01"],
  ['{{ ((toDate "2006-01-02" "2024-01-31").AddDate 0 1 0).Format "2006-01-02" }}', "2024-03-02"],
  [
    '{{ now.After (toDate "2006" "2026") }} {{ now.Before (toDate "2006" "2026") }} {{ now.Equal now }}',
    "true false true",
  ],
  ['{{ now | date "20060102-150405" }}', "20260102-030405"],
  ['{{ date "2006-01-02" now }}', "2026-01-02"],
  ['{{ date "2006-01-02" (int64 86400) }}', "1970-01-02"],
  ['{{ date "15:04" (.s | atoi) }}', "03:04"],
  ['{{ date "2006-01-02" .ts }}', "2026-01-02"], // a float64 counts as now
  ['{{ date "2006" nil }}', "2026"],
  [
    '{{ toDate "2006-01-02T15:04:05Z07:00" "2020-02-29T01:00:00+02:00" | date "2006-01-02 15:04 MST" }}',
    "2020-02-28 23:00 UTC",
  ],
  ['{{ dateInZone "15:04 MST" now "Asia/Tokyo" }}', "12:04 JST"],
  ['{{ date_in_zone "15:04 -0700" now "Europe/Paris" }}', "04:04 +0100"],
  ['{{ dateInZone "15:04 MST" now "No/Where" }}', "03:04 UTC"],
  ['{{ dateInZone "15:04 MST" now "" }}', "03:04 UTC"],
  ['{{ now | date_modify "-26h" | date "2006-01-02 15h" }}', "2026-01-01 01h"],
  ['{{ now | dateModify "1.5h" | date "15:04" }}', "04:34"],
  ['{{ now | dateModify "soon" | date "15:04" }}', "03:04"],
  ["{{ htmlDate now }}", "2026-01-02"],
  ['{{ htmlDateInZone now "Pacific/Kiritimati" }}', "2026-01-02"],
  ['{{ ago (toDate "2006-01-02" "2026-01-01") }}', "27h4m6s"], // 5.678 is nearer to 6
  ['{{ ago (toDate "2006-01-02" "2026-01-03") }}', "-20h55m54s"],
  ["{{ ago .ts }}", "0s"],
  ['{{ durationRound (toDate "2006-01-02" "2025-12-01") }}', "1mo"],
  ['{{ durationRound "400h" }}', "16d"],
  ["{{ randAlphaNum 0 }}|{{ randAlpha -1 }}", "|"],
  ["{{ randInt 3 4 }}", "3"],
  ['{{ shuffle "" }}', ""],
] as const) {
  test(`Go template ${template} at a moment`, () => assert.equal(run(template), expected));
}

for (const [template, shape] of [
  ["{{ uuidv4 }}", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/],
  ["{{ randAlphaNum 40 | lower }}", /^[a-z0-9]{40}$/],
  ["{{ randAlpha 40 }}", /^[A-Za-z]{40}$/],
  ["{{ randNumeric 40 }}", /^[0-9]{40}$/],
  ["{{ randAscii 40 }}", /^[ -~]{40}$/],
  ["{{ randBytes 6 }}", /^[A-Za-z0-9+/]{8}$/],
  ["{{ randInt -1000000 1000000 }}", /^-?\d{1,7}$/],
  ['{{ shuffle "abcdefghijklmnop" }}', /^[a-p]{16}$/],
] as const) {
  test(`Go template ${template} follows from the seed`, () => {
    const first = run(template);
    assert.match(first, shape);
    assert.equal(run(template), first);
    assert.notEqual(run(template, "e2"), first);
    const [one, two] = run(`${template} and ${template}`).split(" and ");
    assert.notEqual(one, two);
  });
}

test("what chance gives is spread over all that it may give", () => {
  const seen = new Set(run("{{ range 2000 }}{{ randInt 0 20 }} {{ end }}").trim().split(" "));
  assert.deepEqual([...seen].sort(), Array.from({ length: 20 }, (_, index) => String(index)).sort());
  const text = "abcdefghij";
  assert.equal([...run(`{{ shuffle "${text}" }}`)].sort().join(""), text);
});

for (const [template, message] of [
  ["{{ randInt 4 4 }}", /randInt: invalid argument to Intn/],
  ["{{ randBytes -1 }}", /must not be negative/],
  ["{{ randAlphaNum 100000000 }}", /is longer than/],
  ['{{ randAlphaNum "5" }}', /expected integer; found "5"/],
  ["{{ now.Format 1 }}", /wrong type for value; expected string; got int/],
  ['{{ now.Format "a" "b" }}', /wrong number of args for Format: want 1 got 2/],
  ['{{ now.Formats "a" }}', /can't give argument to non-function now.Formats/],
  ['{{ .s.Format "a" }}', /can't give argument to non-function .s.Format/],
  ["{{ now.AddDate 999999999 0 0 }}", /the date is too far away/],
  ['{{ env "HOME" }}', /it reads the environment/],
  ['{{ date "2006" }}', /wrong number of args for date: want 2 got 1/],
] as const) {
  test(`Go template ${template} is an error`, () => assert.throws(() => run(template), message));
}

test("without a moment neither time nor chance is available", () => {
  const template = compileGoTemplate("{{ now }}", { hasMoment: true });
  assert.throws(() => template.execute({}), /neither the time nor chance is available here/);
});
