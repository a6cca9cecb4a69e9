import assert from "node:assert/strict";
import { test } from "node:test";
import { signAwsRequest } from "../../src/base/aws-signature.ts";
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
