import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../../src/base/errors.ts";
import { type JsonValue, parseJson } from "../../../src/base/json.ts";
import { createParameterResolver } from "../../../src/events/sensor/parameters.ts";
import type { TriggerParameter } from "../../../src/events/triggers/trigger.ts";
import { decodeEvent, encodeEvent } from "../../../src/record/cloud-event.ts";
import { cloudEvent } from "./builders.ts";

const data = {
  big: 9007199254740993n,
  huge: 1e21,
  list: [
    { k: "a", v: 1 },
    { k: "b", v: 2 },
  ],
  n: 5,
  s: 'a "b"',
  t: true,
  nil: null,
  obj: { k: [1] },
  body: { ref: "main" },
};
const resolver = createParameterResolver({
  push: cloudEvent({ data }),
  text: cloudEvent({ datacontenttype: "text/plain", data: "hello" }),
  yaml: cloudEvent({ datacontenttype: "application/yaml", data: "a:\n- b: yes\n" }),
  flow: cloudEvent({
    datacontenttype: "application/yaml",
    data: { a: [{ b: 1 }] },
    time: "2026-01-01T01:00:00.5+02:00",
  }),
});

type Src = TriggerParameter["src"];
const text = (src: Omit<Src, "dependencyName">, dependencyName = "push") =>
  resolver.text({ src: { dependencyName, ...src } }, "spec.p[0]");

for (const [name, src, of, value] of [
  ["a string comes unescaped", { dataKey: "s" }, "push", 'a "b"'],
  ["a number as its text", { dataKey: "n" }, "push", "5"],
  ["a boolean as its text", { dataKey: "t" }, "push", "true"],
  ["null as its text", { dataKey: "nil" }, "push", "null"],
  ["an object as JSON", { dataKey: "obj" }, "push", '{"k":[1]}'],
  ["a path is GJSON", { dataKey: "obj.k.#" }, "push", "1"],
  ["a query", { dataKey: 'list.#(k=="b").v' }, "push", "2"],
  ["all that a query takes", { dataKey: "list.#(v>0)#.k" }, "push", '["a","b"]'],
  ["a query that takes nothing gives the value", { dataKey: 'list.#(k=="c").v', value: "d" }, "push", "d"],
  ["a multipath", { dataKey: '{n,"t":t,last:list.@reverse.0.k}' }, "push", '{"n":5,"t":true,"last":"b"}'],
  ["@pretty", { dataKey: "obj|@pretty" }, "push", '{\n  "k": [1]\n}\n'],
  ["@tostr", { dataKey: "obj.@tostr" }, "push", '{"k":[1]}'],
  ["a literal", { dataKey: '!"fixed"' }, "push", "fixed"],
  ["a path that does not parse gives the value", { dataKey: "list.#(k", value: "d" }, "push", "d"],
  ["an integer of 64 bits has all its digits", { dataKey: "big" }, "push", "9007199254740993"],
  ["a large float has no exponent", { dataKey: "huge" }, "push", "1000000000000000000000"],
  ["JSONPath", { dataKey: "$.list[-1].k" }, "push", "b"],
  ["JSONPath of several", { dataKey: "$.list[*].v" }, "push", "[1,2]"],
  ["all of the context", { contextKey: "@keys.#" }, "push", "7"],
  [
    "the value over the context when the data key is missing",
    { contextKey: "id", dataKey: "x", value: "d" },
    "push",
    "d",
  ],
  ["an empty key is none", { dataKey: "", contextKey: "subject" }, "push", "push"],
  ["an empty selector leaves the value", { dataKey: "", value: "v" }, "push", "v"],
  ["the context of data that is no JSON", { contextKey: "datacontenttype" }, "text", "text/plain"],
  ["a template over several keys", { dataTemplate: "{{ .Input.s }}{{ .Input.gone }}" }, "push", 'a "b"<no value>'],
  ["the context's keys", { contextKey: "subject" }, "push", "push"],
  ["the context's time is to the second", { contextKey: "time" }, "push", "2026-01-01T00:00:00Z"],
  ["specversion", { contextKey: "specversion" }, "push", "1.0"],
  ["a data key wins over a context key", { contextKey: "subject", dataKey: "n" }, "push", "5"],
  ["a key that is missing gives the value", { dataKey: "missing", value: "d" }, "push", "d"],
  ["an empty value is a value", { dataKey: "missing", value: "" }, "push", ""],
  ["a value without a key is the value", { value: "fixed" }, "push", "fixed"],
  ["a template over the data", { dataTemplate: "{{ .Input.s | upper }} {{ .Input.n }}" }, "push", 'A "B" 5'],
  ["a template over the context", { contextTemplate: "{{ .Input.subject }}-{{ .Input.id }}" }, "push", "push-e1"],
  ["a template wins over a key", { dataTemplate: "{{ .Input.n }}!", dataKey: "s" }, "push", "5!"],
  ["a template that fails leaves it to the key", { dataTemplate: "{{ .Input.gone }}", dataKey: "n" }, "push", "5"],
  ["a template that fails leaves it to the value", { dataTemplate: '{{ fail "x" }}', value: "d" }, "push", "d"],
  ["a template of the data wins over those of the context", { contextTemplate: "c", dataTemplate: "d" }, "push", "d"],
  [
    "a template's time is that of the event",
    { dataTemplate: '{{ now | date "20060102-150405" }}' },
    "push",
    "20260101-000000",
  ],
  ["a template's numbers are Go's", { dataTemplate: "{{ 1000000.0 }}" }, "push", "1e+06"],
  ["a template over YAML data", { dataTemplate: "{{ (index .Input.a 0).b }}" }, "yaml", "true"],
  ["YAML data is converted", { dataKey: "a.0.b" }, "yaml", "true"],
  ["YAML data that is JSON, too", { dataKey: "a.0.b" }, "flow", "1"],
  ["the context's time is in UTC", { contextKey: "time" }, "flow", "2025-12-31T23:00:00Z"],
  ["data of another type gives the value", { dataKey: "x", value: "d" }, "text", "d"],
  ["no event gives the value", { dataKey: "x", value: "d" }, "absent", "d"],
  ["no event and no value is no value", { dataKey: "x" }, "absent", undefined],
  ["a dependency named like a method has no event", {}, "constructor", undefined],
] as const) {
  test(`parameter: ${name}`, () => assert.equal(text(src, of), value));
}

test("parameter: what chance gives in a template is the same when it is done again, and another elsewhere", () => {
  const parameter = { src: { dependencyName: "push", dataTemplate: "{{ uuidv4 }}" } };
  const first = resolver.text(parameter, "spec.p[0]");
  assert.match(first ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(createParameterResolver({ push: cloudEvent({ data }) }).text(parameter, "spec.p[0]"), first);
  assert.notEqual(resolver.text(parameter, "spec.p[1]"), first);
  assert.notEqual(createParameterResolver({ push: cloudEvent() }, "uid/other/e1").text(parameter, "spec.p[0]"), first);
  assert.notEqual(createParameterResolver({ push: cloudEvent({ id: "e2" }) }).text(parameter, "spec.p[0]"), first);
});

test("parameter: without a key and a value it is the whole event, its data in base64", () => {
  assert.equal(
    text({}),
    JSON.stringify({
      context: {
        id: "e1",
        source: "source",
        specversion: "1.0",
        type: "webhook",
        datacontenttype: "application/json",
        subject: "push",
        time: "2026-01-01T00:00:00Z",
      },
      data: Buffer.from(JSON.stringify(data)).toString("base64"),
    }),
  );
});

for (const [name, src, of, message] of [
  ["a missing key without a value", { dataKey: "gone" }, "push", /spec\.p\[0\]\.src.*'push'.*"gone" does not exist/],
  ["a query that takes nothing", { dataKey: "list.#(v>9).k" }, "push", /"list.#\(v>9\).k" does not exist/],
  ["a JSONPath that finds nothing", { dataKey: "$.gone[*]" }, "push", /"\$.gone\[\*\]" does not exist/],
  [
    "a path that takes too much work",
    { dataKey: Array(100).fill("[@this,@this]").join("|") },
    "push",
    /unable to resolve 'push' .* the path takes more than/,
  ],
  ["a key of the data though the context has it", { contextKey: "id", dataKey: "id" }, "push", /"id" does not exist/],
  ["data that is neither JSON nor YAML", { dataKey: "x" }, "text", /"text\/plain" is not JSON or YAML/],
  ["a template that gives nothing", { dataTemplate: "{{ .Input.gone }}" }, "push", /the template gives <no value>/],
  ["a template that does not parse", { dataTemplate: "{{ if }}" }, "push", /'push' parameter value. err: .*if/],
  [
    "a template that fails beside a key that is missing",
    { dataTemplate: '{{ fail "no" }}', dataKey: "gone" },
    "push",
    /no; key "gone" does not exist in the event's data/,
  ],
] as const) {
  test(`parameter: ${name} is an error`, () => {
    assert.throws(
      () => text(src, of),
      (error) => error instanceof TerminalError && error.code === "PARAMETER_ERROR" && message.test(error.message),
    );
  });
}

function parameter(src: Omit<Src, "dependencyName">, more: Partial<TriggerParameter> = {}): TriggerParameter {
  return { src: { dependencyName: "push", ...src }, ...more };
}

const apply = (document: JsonValue, ...parameters: readonly TriggerParameter[]) =>
  resolver.apply(document, parameters, "spec.parameters");

for (const [name, document, parameters, result] of [
  ["a value goes in as a string", {}, [parameter({ dataKey: "n" }, { dest: "a" })], { a: "5" }],
  ["useRawData keeps a number", {}, [parameter({ dataKey: "n", useRawData: true }, { dest: "a" })], { a: 5 }],
  [
    "useRawData keeps an object",
    {},
    [parameter({ dataKey: "obj", useRawData: true }, { dest: "a" })],
    { a: { k: [1] } },
  ],
  [
    "useRawData leaves a string one",
    {},
    [parameter({ dataKey: "s", useRawData: true }, { dest: "a" })],
    { a: 'a "b"' },
  ],
  ["an object without it is JSON text", {}, [parameter({ dataKey: "obj" }, { dest: "a" })], { a: '{"k":[1]}' }],
  ["null raw is null", {}, [parameter({ dataKey: "nil", useRawData: true }, { dest: "a" })], { a: null }],
  ["overwrite sets", { a: 1 }, [parameter({ dataKey: "n" }, { dest: "a", operation: "overwrite" })], { a: "5" }],
  ["append concatenates", { a: "x" }, [parameter({ dataKey: "n" }, { dest: "a", operation: "append" })], { a: "x5" }],
  ["prepend concatenates", { a: 7 }, [parameter({ dataKey: "n" }, { dest: "a", operation: "prepend" })], { a: "57" }],
  [
    "append to an object makes text",
    { a: { b: 1 } },
    [parameter({ dataKey: "n", useRawData: true }, { dest: "a", operation: "append" })],
    { a: '{"b":1}5' },
  ],
  [
    "append to null is the value alone",
    { a: null },
    [parameter({ dataKey: "n" }, { dest: "a", operation: "append" })],
    { a: "5" },
  ],
  [
    "append to a float has no exponent",
    { a: 1e21 },
    [parameter({ value: "!" }, { dest: "a", operation: "append" })],
    { a: "1000000000000000000000!" },
  ],
  [
    "prepend to what a query takes",
    { a: [{ k: 1, v: "x" }] },
    [parameter({ dataKey: "n" }, { dest: "a.#(k==1).v", operation: "prepend" })],
    { a: [{ k: 1, v: "5x" }] },
  ],
  [
    "append to the end of a list sets",
    { a: ["x"] },
    [parameter({ dataKey: "n" }, { dest: "a.-1", operation: "append" })],
    { a: ["x", "5"] },
  ],
  [
    "append raw to nothing stays raw",
    {},
    [parameter({ dataKey: "n", useRawData: true }, { dest: "a", operation: "append" })],
    { a: 5 },
  ],
  [
    "useRawData keeps all digits",
    {},
    [parameter({ dataKey: "big", useRawData: true }, { dest: "a" })],
    { a: 9007199254740993n },
  ],
  ["useRawData of a value is a string", {}, [parameter({ value: "5", useRawData: true }, { dest: "a" })], { a: "5" }],
  [
    "useRawData of a template is a string",
    {},
    [parameter({ dataTemplate: "{{ .Input.n }}", useRawData: true }, { dest: "a" })],
    { a: "5" },
  ],
  [
    "useRawData of a list that a path makes",
    {},
    [parameter({ dataKey: "list.#.v", useRawData: true }, { dest: "a" })],
    { a: [1, 2] },
  ],
  [
    "all elements",
    { a: [{ v: 0 }, { v: 0 }] },
    [parameter({ dataKey: "n", useRawData: true }, { dest: "a.#.v" })],
    { a: [{ v: 5 }, { v: 5 }] },
  ],
  ["a dest that finds nothing changes nothing", { a: [] }, [parameter({ dataKey: "n" }, { dest: "a.#.v" })], { a: [] }],
  ["append to nothing sets", {}, [parameter({ dataKey: "n" }, { dest: "a", operation: "append" })], { a: "5" }],
  [
    "parameters go in order",
    {},
    [parameter({ value: "x" }, { dest: "a" }), parameter({ value: "y" }, { dest: "a", operation: "append" })],
    { a: "xy" },
  ],
  [
    "destinations make arrays",
    {},
    [parameter({ dataKey: "body.ref" }, { dest: "spec.args.0.value" })],
    { spec: { args: [{ value: "main" }] } },
  ],
  ["no value changes nothing", { a: 1 }, [{ src: { dependencyName: "absent" }, dest: "a" }], { a: 1 }],
] as const) {
  test(`parameters: ${name}`, () => {
    const before = JSON.stringify(document);
    assert.deepEqual(apply(document, ...parameters), result);
    assert.equal(JSON.stringify(document), before);
  });
}

test("parameters: an error names the parameter", () => {
  const shout = parameter({ value: "x" }, { dest: "a", operation: "shout" as "append" });
  assert.throws(() => apply({}, shout), /spec\.parameters\[0\].*"shout" must be append, overwrite or prepend/);
  assert.throws(
    () => apply({ a: [1] }, parameter({ value: "x" }, { dest: "a.b" })),
    /spec\.parameters\[0\].*"b" is not an index/,
  );
  assert.throws(() => apply({}, parameter({ value: "x" })), /spec\.parameters\[0\].*must not be empty/);
});

const payload = (...parameters: readonly TriggerParameter[]) => resolver.payload(parameters, "http.payload");

test("payload: entries in the order in which they are first set", () => {
  const entries = [
    parameter({ dataKey: "n" }, { dest: "b" }),
    parameter({ dataKey: "obj", useRawData: true }, { dest: "a.x" }),
    parameter({ value: "z" }, { dest: "b", operation: "append" }), // the operation is ignored
  ];
  assert.equal(payload(...entries), '{"b":"z","a":{"x":{"k":[1]}}}');
});

test("payload: an empty destination makes the value the whole payload and ends it", () => {
  const whole = parameter({ dataKey: "body" }, { dest: "" });
  assert.equal(
    payload(parameter({ value: "x" }, { dest: "a" }), whole, parameter({ dataKey: "gone" })),
    '{"ref":"main"}',
  );
});

test("payload: a destination that only changes makes nothing of nothing", () => {
  assert.equal(payload(parameter({ value: "x" }, { dest: "a.#.b" })), "");
  assert.equal(
    payload(parameter({ value: "x" }, { dest: "a*" }), parameter({ value: "y" }, { dest: "a" })),
    '{"a":"y"}',
  );
});

test("payload: nothing is empty, an entry without a value is skipped", () => {
  assert.equal(payload(), "");
  assert.equal(payload({ src: { dependencyName: "absent" }, dest: "a" }), "");
  assert.equal(
    payload({ src: { dependencyName: "absent" }, dest: "a" }, parameter({ value: "x" }, { dest: "b" })),
    '{"b":"x"}',
  );
});

test("numbers of a body go on as they were written, through the bus and into a payload", () => {
  const written = '{"price":10.00,"list":[1.50,1E3,-0.0],"id":123456789012345678901234567890}';
  const sent = cloudEvent({ data: { body: parseJson(written) } });
  const own = createParameterResolver({ push: decodeEvent(encodeEvent(sent)) });
  const src = { dependencyName: "push", dataKey: "body", useRawData: true };
  assert.equal(own.payload([{ src, dest: "order" }], "spec.p"), `{"order":${written}}`);
  assert.equal(own.text({ src: { dependencyName: "push", dataKey: "body" } }, "spec.p[0]"), written);
  assert.equal(own.text({ src: { dependencyName: "push", dataKey: "body.price" } }, "spec.p[0]"), "10"); // as GJSON
});
