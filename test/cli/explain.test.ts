import assert from "node:assert/strict";
import { test } from "node:test";
import { mainFile, run } from "../harness/run.ts";

const explain = (...args: string[]) => run(process.execPath, [mainFile, "explain", ...args]);

test("explain shows a field as kubectl does, and an error code with its remedy", async () => {
  const [field, tree, code, unknown] = await Promise.all([
    explain("sensor.spec.triggers.template.http"),
    explain("sensor.spec.dependencies", "--recursive"),
    explain("MANIFEST_INVALID", "-o", "json"),
    explain("sensor.spec.nothing"),
  ]);
  assert.equal(field.code, 0);
  assert.match(
    field.stdout,
    /^GROUP: {6}argoproj\.io\nKIND: {7}Sensor\nVERSION: {4}v1alpha1\n\nFIELD: http <Object>\n/,
  );
  assert.match(field.stdout, /\n {2}url\t<string> -required-\n/);
  assert.match(field.stdout, /\n {2}method\t<string>\n[^\n]*\n {4}enum: "GET", .*\n {4}default: "POST"\n/);
  assert.match(tree.stdout, /\n {2}filters\t<Object>\n {4}cel\t<string>\n {4}context\t<Object>\n/);
  assert.deepEqual(Object.keys(JSON.parse(code.stdout)), ["code", "cause", "remedy"]);
  assert.deepEqual([unknown.code, unknown.stdout], [1, ""]);
  assert.match(
    unknown.stderr,
    /^error: sensor\.spec has no field "nothing"; known: .*\nAsk for what stands above it: .*\n$/,
  );
});
