import assert from "node:assert/strict";
import { test } from "node:test";
import { presignAwsUrl, signAwsRequest } from "../../src/base/aws-signature.ts";
import { instant } from "../../src/base/clock.ts";

// The example that AWS documents for a GET of S3, and the basic one of its test suite for other services.
const s3Keys = { accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const otherKeys = { accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

test("signs the documented request for an object of S3", () => {
  const url = new URL("https://examplebucket.s3.amazonaws.com/test.txt");
  const at = instant(Date.UTC(2013, 4, 24));
  const signed = signAwsRequest({ method: "GET", url, headers: { Range: "bytes=0-9" } }, s3Keys, {
    region: "us-east-1",
    service: "s3",
    at,
  });
  assert.equal(
    signed.authorization,
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, " +
      "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
});

test("signs a plain request of another service", () => {
  const at = instant(Date.UTC(2015, 7, 30, 12, 36, 0));
  const url = new URL("https://example.amazonaws.com/");
  const signed = signAwsRequest({ method: "GET", url }, otherKeys, { region: "us-east-1", service: "service", at });
  assert.equal(signed["x-amz-date"], "20150830T123600Z");
  assert.match(
    signed.authorization ?? "",
    /Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31$/,
  );
});

test("orders and encodes a query, and signs a session's token", () => {
  const at = instant(Date.UTC(2015, 7, 30, 12, 36, 0));
  const url = new URL("https://example.amazonaws.com/?Param2=value2&Param1=value1");
  const scope = { region: "us-east-1", service: "service", at };
  const signed = signAwsRequest({ method: "GET", url }, otherKeys, scope);
  assert.match(
    signed.authorization ?? "",
    /Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500$/,
  );
  const session = signAwsRequest({ method: "GET", url }, { ...otherKeys, sessionToken: "t" }, scope);
  assert.match(session.authorization ?? "", /SignedHeaders=host;x-amz-date;x-amz-security-token/);
});

// Made with botocore's SigV4QueryAuth.
for (const [name, sessionToken, signature] of [
  ["", undefined, "7cc178453342e479def8e0e69cbff443ca929b5b0426af0f4b64554172c7195d"],
  [", of a session", "session/token+==", "81e2e9e348bc4a033a06134ea67b8cac8bb04de2eb81bdbcff1ac299f97b756f"],
] as const) {
  test(`signs a URL${name}`, () => {
    const url = new URL("https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect");
    const at = instant(Date.UTC(2026, 0, 2, 3, 4, 5));
    const scope = { region: "eu-west-1", service: "kafka-cluster", at };
    const signed = presignAwsUrl(url, { ...otherKeys, ...(sessionToken && { sessionToken }) }, scope, 900);
    assert.deepEqual(Object.fromEntries(signed.searchParams), {
      Action: "kafka-cluster:Connect",
      "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
      "X-Amz-Credential": "AKIDEXAMPLE/20260102/eu-west-1/kafka-cluster/aws4_request",
      "X-Amz-Date": "20260102T030405Z",
      "X-Amz-Expires": "900",
      "X-Amz-SignedHeaders": "host",
      ...(sessionToken && { "X-Amz-Security-Token": sessionToken }),
      "X-Amz-Signature": signature,
    });
  });
}
