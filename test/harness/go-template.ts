import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGoTemplate, type GoTemplateOptions } from "../../src/base/go-template/template.ts";
import type { FloatObject } from "../../src/base/json.ts";

/** The data of the tables, as an event may have it. */
export const sample: FloatObject = {
  a: 1,
  b: { c: "x", d: null },
  n: 1_234_567,
  f: 1.5,
  s: "héllo wörld",
  l: [1, "two", null, [3]],
  m: { z: 1, a: "b" },
  t: true,
  z: 0,
  e: "",
  nul: null,
  empty: [],
  em: {},
  ref: "refs/heads/main",
};

/** The expected text, or how the message of the error ends. */
export type Row = readonly [template: string, expected: string | { readonly error: string }];

/** One test for each template. The expected texts are those of Go. */
export function testTemplates(rows: readonly Row[], options: GoTemplateOptions = {}): void {
  for (const [template, expected] of rows) {
    test(`Go template ${JSON.stringify(template)}`, () => {
      const run = (): string => compileGoTemplate(template, options).execute(sample);
      if (typeof expected === "string") assert.equal(run(), expected);
      else
        assert.throws(
          run,
          ({ message }: Error) => message.endsWith(expected.error) || assert.equal(message, expected.error),
        );
    });
  }
}
