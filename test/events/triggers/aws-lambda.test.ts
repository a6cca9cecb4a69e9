import assert from "node:assert/strict";
import { test } from "node:test";
import { signAwsRequest } from "../../../src/base/aws-signature.ts";
import { instant } from "../../../src/base/clock.ts";
import { createAwsLambdaTrigger } from "../../../src/events/triggers/aws-lambda.ts";
import type { Firing } from "../../../src/events/triggers/trigger.ts";
import { startAnswering } from "../../harness/http-sink.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

const keys = { accessKey: { name: "aws", key: "a" }, secretKey: { name: "aws", key: "s" } };
const payload = [{ src: { dependencyName: "dep", value: "7" }, dest: "id" }];

async function fire(
  spec: object,
  secrets: Record<string, string>,
  parts: Partial<Firing> = {},
  own?: Record<string, string>,
) {
  const kind = createAwsLambdaTrigger();
  const context = triggerContext({ surroundings: own }, secrets);
  const all = { functionName: "team:ship", region: "eu-central-1", payload, ...spec };
  const plan = await kind.plan(kind.schema.parse(all, "awsLambda"), firing(parts), context, never);
  return kind.apply(plan, firing(parts), context, never);
}

/** Checks signatures as the service does, and answers as a function would. */
function startLambda() {
  return startAnswering(({ path, headers, body }) => {
    const at = String(headers["x-amz-date"]).replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
    const url = new URL(path, `http://${headers.host}`);
    const signed = {
      "content-type": String(headers["content-type"]),
      "x-amz-invocation-type": String(headers["x-amz-invocation-type"]),
    };
    const scope = { region: "eu-central-1", service: "lambda", at: instant(Date.parse(at)) };
    const credentials = { accessKey: "AK", secretKey: "SK" };
    const { authorization } = signAwsRequest({ method: "POST", url, headers: signed, body }, credentials, scope);
    if (headers.authorization !== authorization) {
      return { status: 403, headers: { "x-amzn-errortype": "InvalidSignatureException" } };
    }
    return { status: 200, body: "{}", headers: body.includes("7") ? { "x-amz-function-error": "Unhandled" } : {} };
  });
}

test("a function is invoked with a signature that the service can check; its failure is told", async () => {
  await using lambda = await startLambda();
  const outcome = await fire({ ...keys, endpoint: lambda.url }, { "aws/a": "AK\n", "aws/s": "SK" });
  assert.match(outcome.message, /team%3Aship\/invocations answered 200, the function failed: Unhandled$/);
  const [request] = lambda.requests;
  assert.equal(request?.path, "/2015-03-31/functions/team%3Aship/invocations");
  assert.equal(request?.headers["x-amz-invocation-type"], "RequestResponse");
  assert.equal(request?.body, '{"id":"7"}');
});

test("a wrong key is refused for good, a status that the policy does not allow fails", async () => {
  await using lambda = await startLambda();
  const spec = { ...keys, endpoint: lambda.url };
  await assert.rejects(fire(spec, { "aws/a": "AK", "aws/s": "no" }), /InvalidSignatureException answered 403/);
  const policy = { status: { allow: [202] } };
  await assert.rejects(fire(spec, { "aws/a": "AK", "aws/s": "SK" }, { policy }), /status 200 is not allowed/);
});

test("without keys the surroundings' credentials count, or a role that they take on; where there are none, it is said", async () => {
  await using lambda = await startLambda();
  const own = { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "SK" };
  const outcome = await fire({ endpoint: lambda.url }, {}, {}, own);
  assert.match(outcome.message, /answered 200/);
  const asked: string[] = [];
  await using sts = await startAnswering(({ body }) => {
    asked.push(body);
    const fields = {
      AccessKeyId: "AK",
      SecretAccessKey: "SK",
      SessionToken: "tok",
      Expiration: "2026-01-01T01:00:00Z",
    };
    const xml = Object.entries(fields).map(([name, value]) => `<${name}>${value}</${name}>`);
    return { status: 200, body: xml.join("") };
  });
  const surroundings = { ...own, AWS_ENDPOINT_URL_STS: sts.url };
  await assert.rejects(fire({ endpoint: lambda.url, roleARN: "arn:r" }, {}, {}, surroundings), /InvalidSignature/);
  assert.equal(lambda.requests.at(-1)?.headers["x-amz-security-token"], "tok");
  assert.match(asked[0] ?? "", /Action=AssumeRole&RoleArn=arn%3Ar&RoleSessionName=tiphys/);
  for (const spec of [{}, { roleARN: "r" }]) {
    await assert.rejects(fire(spec, {}), { code: "CREDENTIALS_FAILED", message: /those of a Pod: set accessKey/ });
  }
});
