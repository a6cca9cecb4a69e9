import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../src/base/clock.ts";
import { type LogFields, type Logger, silentLogger } from "../../src/base/log.ts";
import { bearer, type Credentials, createCredentialSource } from "../../src/kube/credentials.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

/** A source whose loads give `next()`; the clock stands at its start. */
function open(next: () => Credentials, limits = { maxAgeMs: 60_000, minGapMs: 5_000 }) {
  const clock = createVirtualClock();
  const warnings: LogFields[] = [];
  const log: Logger = { ...silentLogger, warn: (_, fields = {}) => warnings.push(fields) };
  let loads = 0;
  const load = async (): Promise<Credentials> => {
    loads += 1;
    return next();
  };
  const source = createCredentialSource({ load, ...limits, clock, log });
  return { source, clock, warnings, loads: () => loads };
}

test("keeps what has not expired when it cannot be read again, and says so", async () => {
  const good = { authorization: "a" };
  let fails = false;
  const { source, clock, warnings, loads } = open(() => {
    if (fails) throw new Error("the disk is away");
    return good;
  });
  assert.equal(await source.current(), good);
  fails = true;
  await clock.advance(60_000);
  assert.equal(await source.current(), good);
  assert.equal(await source.current(), good);
  assert.equal(loads(), 2, "not again at once");
  assert.deepEqual(warnings, [{ error: "the disk is away" }]);
});

test("a failure is repeated to all, without a new try, until the gap is over", async () => {
  let problem: string | undefined = "one";
  const good = { authorization: "a" };
  const { source, clock, loads } = open(() => {
    if (problem !== undefined) throw new Error(problem);
    return good;
  });
  await Promise.all([assert.rejects(source.current(), /one/), assert.rejects(source.current(), /one/)]);
  problem = undefined;
  await clock.advance(4_999);
  await assert.rejects(source.current(), /one/);
  assert.equal(loads(), 1);
  await clock.advance(1);
  assert.equal(await source.current(), good);
});

test("what has expired is not kept when the next load fails", async () => {
  const clock = createVirtualClock();
  const expiresAt = instant(clock.now() + 20_000);
  let fails = false;
  const opened = open(() => {
    if (fails) throw new Error("logged out");
    return { authorization: "a", expiresAt };
  });
  await opened.source.current();
  fails = true;
  await opened.clock.advance(12_000);
  assert.equal((await opened.source.current()).authorization, "a", "in the margin: still good");
  assert.equal(opened.loads(), 2);
  await opened.clock.advance(8_000);
  await assert.rejects(opened.source.current(), /logged out/);
});

test("what comes expired is used, but asked for once per gap only", async () => {
  const expiresAt = createVirtualClock().now();
  const { source, clock, loads } = open(() => ({ authorization: "a", expiresAt }));
  for (let second = 0; second < 10; second++) {
    assert.equal((await source.current()).authorization, "a");
    await clock.advance(1_000);
  }
  assert.equal(loads(), 2);
});

test("many that are refused at once cause one load, and none when newer ones are held", async () => {
  let count = 0;
  const { source, clock, loads } = open(() => ({ authorization: String(++count) }));
  const first = await source.current();
  assert.equal(await source.renew(first), first, "too soon");
  await clock.advance(5_000);
  const renewed = await Promise.all([source.renew(first), source.renew(first)]);
  assert.deepEqual(
    renewed.map(({ authorization }) => authorization),
    ["2", "2"],
  );
  await clock.advance(5_000);
  assert.equal(await source.renew(first), renewed[0]);
  assert.equal(loads(), 2);
});

test("a token that no header may hold gives no header", () => {
  assert.equal(bearer("a.b-c_d="), "Bearer a.b-c_d=");
  for (const token of ["", "a b", "a\nb", "ä"]) assert.equal(bearer(token), undefined);
});
