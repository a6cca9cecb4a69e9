import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../../src/base/errors.ts";
import { createEmailTrigger } from "../../../src/events/triggers/email.ts";
import { startSmtpServer } from "../../harness/smtp-server.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

const secrets = { "smtp/password": "pass" };
const mail = {
  host: "127.0.0.1",
  username: "user",
  smtpPassword: { name: "smtp", key: "password" },
  from: "tiphys@example.com",
  to: ["a@example.com", "b@example.photography"],
  subject: "Hello There",
  body: "Hi,\n\n\tGeneral K.\n.\nend",
};

function createFire(kind = createEmailTrigger(), more: Record<string, string> = secrets) {
  return async (spec: object, key = "uid/deploy/1") => {
    const context = triggerContext({}, more);
    const fired = firing({ key });
    const plan = await kind.plan(kind.schema.parse(spec, "email"), fired, context, never);
    return { plan, outcome: await kind.apply(plan, fired, context, never) };
  };
}

test("each recipient gets one mail, with an id that follows from the firing", async () => {
  await using server = await startSmtpServer();
  const { plan } = await createFire()({ ...mail, port: server.port });
  assert.deepEqual(
    server.mails.map(({ to }) => to),
    [["a@example.com"], ["b@example.photography"]],
  );
  const [first] = server.mails;
  assert.equal(first?.from, "tiphys@example.com");
  assert.match(first?.content ?? "", /^Subject: Hello There\r$/m);
  assert.ok(first?.content.includes(`Message-ID: ${plan.messageId}`));
  assert.ok(first?.content.includes("\tGeneral K."));
  assert.equal(JSON.stringify(plan).includes('"pass"'), false);
});

test("a retry sends only what was not sent, and a repeat nothing", async () => {
  await using server = await startSmtpServer();
  const fire = createFire();
  const spec = { ...mail, port: server.port };
  server.refuses.add("a@example.com");
  await assert.rejects(
    fire(spec),
    (error) => !(error instanceof TerminalError) && /^Error.*|a@example.com/.test(String(error)),
  );
  server.refuses.clear();
  assert.equal((await fire(spec)).outcome.message, "sent to 1 of 2 recipients");
  assert.equal((await fire(spec)).outcome.message, "had already sent to 2 recipients");
  assert.deepEqual(
    server.mails.map(({ to }) => to[0]),
    ["b@example.photography", "a@example.com"],
  );
});

test("parameters of the kind's own are applied", async () => {
  await using server = await startSmtpServer();
  const parameters = [{ src: { dependencyName: "dep", value: "From an event" }, dest: "subject" }];
  const { plan } = await createFire()({ ...mail, port: server.port, parameters });
  assert.equal(plan.subject, "From an event");
});

test("a wrong password is an error that does not show it", async () => {
  await using server = await startSmtpServer();
  await assert.rejects(
    createFire(undefined, { "smtp/password": "t0p" })({ ...mail, port: server.port }),
    (error) => /email: a@example.com: .*wrong password/.test(String(error)) && !String(error).includes("t0p"),
  );
});

for (const [what, change, expected] of [
  ["no recipient", { to: [] }, /email.to: to can't be empty/],
  ["no subject", { subject: "" }, /email.subject: subject can't be empty/],
  ["no body", { body: "" }, /email.body: body can't be empty/],
  ["two addresses in one", { to: ["a@example.com, b@example.com"] }, /email.to\[0\]: .* is no address/],
  ["a header in an address", { to: ["a@example.com\r\nBcc: x@example.com"] }, /email.to\[0\]: .* is no address/],
] as const) {
  test(`refuses ${what}`, async () => {
    await assert.rejects(createFire()({ ...mail, ...change }), expected);
  });
}

test("a subject from an event cannot add a header", async () => {
  await using server = await startSmtpServer();
  await createFire()({ ...mail, port: server.port, to: ["a@example.com"], subject: "x\r\nBcc: evil@example.com" });
  assert.doesNotMatch(server.mails[0]?.content ?? "", /^Bcc:/m);
});
