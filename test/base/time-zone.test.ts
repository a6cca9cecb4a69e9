import assert from "node:assert/strict";
import { test } from "node:test";
import { findTimeZone } from "../../src/base/time-zone.ts";

for (const name of [
  "",
  "UTC",
  "Local",
  "GMT",
  "EST",
  "EST5EDT",
  "US/Eastern",
  "Europe/Kyiv",
  "America/Port-au-Prince",
  "Africa/Dar_es_Salaam",
  "America/Argentina/Buenos_Aires",
  "Etc/GMT+1",
  "NZ-CHAT",
]) {
  test(`the time zone ${JSON.stringify(name)} is known, as in Go`, () => {
    assert.equal(typeof findTimeZone(name, "x").offsetMinutes(0), "number");
  });
}

// Go's time.LoadLocation knows none of them: it looks for a file of exactly that name.
for (const [name, message] of [
  ["Mars", 'x: "Mars" is not a time zone of the IANA database'],
  ["+01:00", 'x: "+01:00" is not a time zone of the IANA database'],
  ["CEST", 'x: "CEST" is not a time zone of the IANA database'],
  ["europe/berlin", 'x: "europe/berlin" is not a time zone of the IANA database; did you mean `Europe/Berlin`?'],
  ["EUROPE/BERLIN", 'x: "EUROPE/BERLIN" is not a time zone of the IANA database; did you mean `Europe/Berlin`?'],
  ["us/eastern", 'x: "us/eastern" is not a time zone of the IANA database'],
  ["../UTC", 'x: "../UTC" is not a time zone of the IANA database'],
]) {
  test(`the time zone ${JSON.stringify(name)} is refused`, () => {
    assert.throws(() => findTimeZone(name ?? "", "x"), { message });
  });
}
