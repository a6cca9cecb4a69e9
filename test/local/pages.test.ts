import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openTestPlane, type TestPlane } from "../harness/control-plane.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const map = (name: string, value: string) => ({ metadata: { name }, data: { value } });

interface List {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly data: { readonly value: string };
  }[];
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
}

async function list(plane: TestPlane, query: string, path = maps): Promise<List> {
  const { status, body } = await plane.call("GET", `${path}?${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body as unknown as List;
}

function values({ items }: Pick<List, "items">): readonly string[] {
  return items.map(({ metadata: { name }, data }) => `${name}=${data.value}`);
}

/** What happens between two pages. */
const change = fc.record({
  verb: fc.constantFrom("POST", "PUT", "DELETE"),
  name: fc.constantFrom("a", "b", "c", "d", "e", "f", "g"),
  value: fc.constantFrom("1", "2"),
});

test("all pages show the state of the first one, whatever happens in between", async () => {
  await using plane = await openTestPlane();
  const apply = ({ verb, name, value }: { verb: string; name: string; value: string }) =>
    plane.call(verb, verb === "POST" ? maps : `${maps}/${name}`, verb === "DELETE" ? undefined : map(name, value));
  const property = fc.asyncProperty(
    fc.array(change, { maxLength: 8 }),
    fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 6 }),
    fc.integer({ min: 1, max: 4 }),
    fc.constantFrom(maps, "/api/v1/configmaps"),
    async (before, between, limit, path) => {
      for (const one of before) await apply(one);
      const whole = await list(plane, "", path);
      let page = await list(plane, `limit=${limit}`, path);
      const seen = [...values(page)];
      for (let turn = 0; page.metadata.continue !== undefined; turn++) {
        assert.equal(page.metadata.remainingItemCount, whole.items.length - seen.length);
        for (const one of between[turn] ?? []) await apply(one);
        page = await list(plane, `limit=${limit}&continue=${page.metadata.continue}`, path);
        assert.equal(page.metadata.resourceVersion, whole.metadata.resourceVersion);
        seen.push(...values(page));
      }
      assert.deepEqual(seen, values(whole));
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test("pages of a selection are of one state too, and do not say how many are left", async () => {
  await using plane = await openTestPlane();
  for (const name of ["a", "b", "c"]) {
    await plane.call("POST", maps, { metadata: { name, labels: { on: "yes" } }, data: { value: "1" } });
  }
  const query = "labelSelector=on&limit=1";
  const first = await list(plane, query);
  assert.equal(first.metadata.remainingItemCount, undefined);
  await plane.call("DELETE", `${maps}/b`);
  await plane.call("PUT", `${maps}/c`, map("c", "2"));
  const second = await list(plane, `${query}&continue=${first.metadata.continue}`);
  const third = await list(plane, `${query}&continue=${second.metadata.continue}`);
  assert.deepEqual([first, second, third].flatMap(values), ["a=1", "b=1", "c=1"]);
  assert.equal(third.metadata.continue, undefined);
});

test("a list of an exact version shows that version", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", maps, map("a", "1"));
  const { metadata } = await list(plane, "");
  await plane.call("PUT", `${maps}/a`, map("a", "2"));
  await plane.call("POST", maps, map("b", "1"));
  const at = `resourceVersion=${metadata.resourceVersion}`;
  assert.deepEqual(values(await list(plane, `${at}&resourceVersionMatch=Exact`)), ["a=1"]);
  assert.deepEqual(values(await list(plane, `${at}&limit=10`)), ["a=1"]);
  assert.deepEqual(values(await list(plane, `${at}&resourceVersionMatch=NotOlderThan&limit=10`)), ["a=2", "b=1"]);
  assert.deepEqual(values(await list(plane, at)), ["a=2", "b=1"]);
});

test("a page that is too old gets a 410 with a token for the rest as it is now", async () => {
  await using plane = await openTestPlane();
  for (const name of ["a", "b", "c"]) await plane.call("POST", maps, map(name, "1"));
  const first = await list(plane, "limit=1");
  const big = "x".repeat(900_000);
  for (let i = 0; i < 24; i++) await plane.call("POST", maps, map(`z${i}`, big));
  for (let i = 0; i < 24; i++) await plane.call("DELETE", `${maps}/z${i}`);
  await plane.call("PUT", `${maps}/c`, map("c", "2"));
  const { status, body } = await plane.call("GET", `${maps}?limit=1&continue=${first.metadata.continue}`);
  assert.deepEqual([status, body.reason], [410, "Expired"]);
  assert.match(body.message, /^The provided continue parameter is too old to display a consistent list result/);
  const token = (body as unknown as List).metadata.continue ?? "";
  assert.deepEqual(values(await list(plane, `continue=${token}`)), ["b=1", "c=2"]);
  const exact = `resourceVersion=${first.metadata.resourceVersion}&resourceVersionMatch=Exact`;
  const old = await plane.call("GET", `${maps}?${exact}`);
  assert.deepEqual([old.status, old.body.reason], [410, "Expired"]);
});

const refused: readonly (readonly [query: string, message: RegExp])[] = [
  ["resourceVersion=1&resourceVersionMatch=Newest", /resourceVersionMatch: Unsupported value: "Newest"/],
  ["resourceVersionMatch=Exact", /forbidden unless resourceVersion is provided/],
  ["resourceVersion=0&resourceVersionMatch=Exact", /forbidden for resourceVersion "0"/],
  ["resourceVersion=x", /invalid resource version "x"/],
  ["limit=x", /parsing "x": invalid syntax/],
];

for (const [query, message] of refused) {
  test(`a list with ${query} is refused`, async () => {
    await using plane = await openTestPlane();
    const { status, body } = await plane.call("GET", `${maps}?${query}`);
    assert.equal(status, 400);
    assert.match(body.message, message);
  });
}

test("what is of the future may be asked for again in a second", async () => {
  await using plane = await openTestPlane();
  const { status, headers, body } = await plane.call("GET", `${maps}?resourceVersion=999999`);
  assert.deepEqual([status, headers.get("retry-after")], [504, "1"]);
  assert.deepEqual(body.details, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
});
