import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TerminalError } from "../../../src/base/errors.ts";
import { checkGoTemplate, compileGoTemplate } from "../../../src/base/go-template/template.ts";

/** The place is an offset; where the template has several lines, line:column. */
for (const [template, message] of [
  ["{{ .a", 'the "{{" at 0 is not closed'],
  ["a\nb {{ .a", 'the "{{" at 2:3 is not closed'],
  ["a {{ }}", "the action at 2 is empty"],
  ["{{ {{ }}", 'there is "{{" within an action at 3'],
  ['{{ "a }}', "the quote at 3 does not end"],
  ['{{ "a\nb" }}', "the quote at 1:4 does not end"],
  ["{{ `a }}", "the quote at 3 does not end"],
  ["{{ 'a }}", "the quote at 3 does not end"],
  ["{{/* a }}", "a comment does not end"],
  ["{{/* a */ b }}", "at 2: a comment must end right before the end of its action, this does not"],
  ["{{ end }}", "there is an {{end}} too many at 0"],
  ["a{{ else }}", "there is an {{else}} too many at 1"],
  ["{{ range .a }}{{ if . }}{{ end }}", "an {{end}} is missing"],
  ["{{ if .a }}{{ else }}{{ else }}{{ end }}", "at 21: an {{else}} follows the {{else}}"],
  ['{{ define "a" }}{{ else }}{{ end }}', "at 16: there is an {{else}} without {{if}}"],
  ["{{ if }}{{ end }}", "at 6: a value is missing in if"],
  ["{{ () }}", "at 4: a value is missing in a parenthesis"],
  ["{{ (1 }}", "at 3: the parenthesis is not closed"],
  ["{{ 1) }}", "at 4: there is no parenthesis that the one closes"],
  ["{{ | .a }}", 'at 3: unexpected "|" in a command'],
  ["{{ .a || .b }}", 'at 7: unexpected "|" in a command'],
  ["{{ 1 | 2 }}", "at 7: 2 takes no value from a pipe"],
  ['{{ print "a""b" }}', 'at 12: unexpected "\\"b\\"" in operand'],
  ["{{ print(1)(2) }}", 'at 8: unexpected "(" in operand'],
  ["{{ .a,.b }}", 'at 5: unexpected "," in operand'],
  ["{{ .a. }}", 'at 5: unexpected "." in operand'],
  ["{{ ..a }}", "at 3: unexpected . after ."],
  ["{{ nil.a }}", "at 3: unexpected . after nil"],
  ['{{ "a".b }}', 'at 3: unexpected . after "a"'],
  ["{{ .a-b }}", 'at 5: "-" follows .a without a space'],
  ["{{ $a=1 }}", 'at 5: "=" follows $a without a space'],
  ["{{ a:b }}", 'at 4: ":" must be followed by "="'],
  ["{{ é€ }}", 'at 4: "€" follows é without a space'],
  ["{{ € }}", 'at 3: "€" has no meaning here'],
  ["{{ .a ? }}", 'at 6: unexpected "?" in operand'],
  ["{{ $x }}", "at 3: the variable $x is not set"],
  ["{{ if true }}{{ $y := 1 }}{{ end }}{{ $y }}", "at 38: the variable $y is not set"],
  ["{{ range $x := .a }}{{ end }}{{ $x }}", "at 32: the variable $x is not set"],
  ['{{ $x := 1 }}{{ define "a" }}{{ $x }}{{ end }}', "at 32: the variable $x is not set"],
  ["{{ $a, $b := .m }}", "at 7: too many variables are set"],
  ["{{ range $a, $b, $c := .m }}{{ end }}", "at 17: too many variables are set"],
  ["{{ range $a, 1 }}{{ end }}", "at 13: range can only set variables"],
  ["{{ nope .a }}", 'at 3: function "nope" is not defined'],
  ["{{ .a | nope }}", 'at 8: function "nope" is not defined'],
  ["{{ constructor }}", 'at 3: function "constructor" is not defined'],
  ["{{ break }}", "at 3: {{break}} stands outside of {{range}}"],
  [
    '{{ range .a }}{{ block "b" . }}{{ continue }}{{ end }}{{ end }}',
    "at 34: {{continue}} stands outside of {{range}}",
  ],
  ['{{ if .a }}{{ define "b" }}{{ end }}{{ end }}', 'at 14: unexpected "define" in a command'],
  ["{{ define x }}{{ end }}", 'at 10: unexpected "x" in define'],
  ['{{ define "x" 1 }}{{ end }}', 'at 14: unexpected "1" in define'],
  ["{{ template x }}", 'at 12: unexpected "x" in template'],
  ['{{ template "x" 1 2 ) }}', "at 20: there is no parenthesis that the one closes"],
  ['{{ block "x" }}{{ end }}', "at 13: a value is missing in block"],
  ['{{ define "a" }}1{{ end }}{{ define "a" }}2{{ end }}', 'at 29: template "a" is defined twice'],
  ["{{ with .a }}{{ else if .b }}{{ end }}", 'at 21: unexpected "if" in the text between actions'],
  ["{{ 08 }}", "at 3: 08: this is no number"],
  ["{{ 1a }}", "at 3: this is no number"],
  ["{{ 1.2.3 }}", 'at 6: unexpected ".3" in operand'],
  ["{{ 1__0 }}", "at 3: 1__0: this is no number"],
  ["{{ 1_ }}", "at 3: 1_: this is no number"],
  ["{{ 0x }}", "at 3: 0x: this is no number"],
  ["{{ 1e }}", "at 3: 1e: this is no number"],
  ["{{ 1e999 }}", "at 3: 1e999: this is no number"],
  ["{{ 18446744073709551616 }}", "at 3: 18446744073709551616: this is larger than any integer"],
  ["{{ 1i }}", "at 3: complex numbers are not supported"],
  ["{{ 1+2i }}", "at 3: complex numbers are not supported"],
  ["{{ 'ab' }}", "at 3: 'ab': a character constant is one character"],
  ["{{ '\\\"' }}", "at 3: '\\\"': a character constant has no such escape"],
  ['{{ "\\q" }}', 'at 3: "\\q" has an escape that Go does not know'],
  ['{{ "\\\'" }}', 'at 3: "\\\'" has an escape that Go does not know'],
  ['{{ "\\ud800" }}', 'at 3: "\\ud800" has an escape that Go does not know'],
  [`${"{{ if 1 }}".repeat(201)}${"{{ end }}".repeat(201)}`, "at 2000: more than 200 blocks or parentheses are open"],
  [`{{ ${"(".repeat(201)}1${")".repeat(201)} }}`, "at 202: more than 200 blocks or parentheses are open"],
] as const) {
  test(`the Go template ${JSON.stringify(template).slice(0, 80)} is refused`, () => {
    assert.throws(() => compileGoTemplate(template), { name: "TerminalError", code: "TEMPLATE_INVALID", message });
    assert.throws(() => checkGoTemplate(template), { code: "TEMPLATE_INVALID", message });
  });
}

for (const [name, reason] of [
  ["now", "it depends on the time when it is called, or on the time zone of the machine"],
  ["ago", "it depends on the time when it is called, or on the time zone of the machine"],
  ["uuidv4", "it gives something else each time"],
  ["randInt", "it gives something else each time"],
  ["env", "it reads the environment of the engine, which has secrets"],
  ["getHostByName", "it asks the network"],
  ["genPrivateKey", "it makes keys, which differ each time; make a Secret instead"],
  ["derivePassword", "it computes for long by design; make a Secret instead"],
] as const) {
  test(`the function ${name} of sprig is refused with its reason`, () => {
    assert.throws(() => checkGoTemplate(`a {{ .b | ${name} }}`), {
      code: "TEMPLATE_UNSUPPORTED",
      message: `the function ${name} at 10 is not available: ${reason}`,
    });
  });
}

test("no text makes the parser fail in another way, and text without delimiters is its own result", () => {
  const part = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom("{{", "}}", "{{-", " -}}", "(", ")", "|", " ", "$x", ":=", "=", ",", ".a", "."),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom("if", "else", "end", "range", "with", "define", "template", "block", "break"),
    },
    fc.constantFrom('"a"', "`b`", "'c'", "1", "0x", "-", "/*", "*/", "\n", "upper", "nil", "true", '"', "'", "`", "\\"),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const source = parts.join("");
      try {
        const template = compileGoTemplate(source);
        if (!source.includes("{{")) assert.equal(template.execute({}), source);
      } catch (error) {
        assert.ok(error instanceof TerminalError, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});
