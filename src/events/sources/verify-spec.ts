import { errorAt, listOf, objectOf, warningAt } from "../../api/fields.ts";
import { listField, requiredText, textField } from "../../api/shared-schemas.ts";
import { basicAuthField, secretKeyField } from "../../api/value-schemas.ts";
import type { JsonValue } from "../../base/json.ts";
import type { JsonSchema, Problem } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { checkDuration } from "./source-rules.ts";

const secrets = listField("Any of them will do: while one is replaced, give both.", secretKeyField("A secret."));

/** Ours: how requests prove who sent them. */
export const verifySchema = {
  type: "object",
  description: "How a request proves who sent it; one of the ways. Argo Events does not know it.",
  properties: {
    hmac: {
      type: "object",
      description: "The body is signed with a secret.",
      required: ["header", "secrets"],
      properties: {
        header: requiredText("The header that holds the signature."),
        algorithm: { type: "string", enum: ["sha1", "sha256", "sha512"], default: "sha256", description: "The hash." },
        encoding: { type: "string", enum: ["hex", "base64"], default: "hex", description: "How it is written." },
        prefix: { ...textField("What stands before it in the header, such as sha256=."), default: "" },
        secrets,
      },
    },
    standardWebhooks: {
      type: "object",
      description: "Standard Webhooks: signature, time and id in webhook-… headers; the id makes a repeat a no-op.",
      required: ["secrets"],
      properties: {
        secrets,
        tolerance: { ...textField("How far the time may be off, as a duration."), default: "5m" },
      },
    },
    bearer: {
      type: "object",
      description: "Authorization: Bearer TOKEN.",
      required: ["secrets"],
      properties: { secrets },
    },
    basic: {
      type: "object",
      description: "Authorization: Basic, with user name and password.",
      required: ["credentials"],
      properties: {
        credentials: listField("Any of them will do.", basicAuthField("User name and password.")),
      },
    },
  },
} as const satisfies JsonSchema;

export type VerifySpec = SpecOf<typeof verifySchema>;

const ways = ["hmac", "standardWebhooks", "bearer", "basic"] as const;

/** A check that can let everything in, or nothing, must not look like one that works. */
export function checkVerify(value: JsonValue | undefined, path: string): Problem[] {
  if (value === undefined) return [];
  const verify = objectOf(value);
  const given = ways.filter((way) => verify[way] !== undefined);
  if (given.length !== 1) return [errorAt(path, `exactly one of ${ways.join(", ")} is required`)];
  return given.flatMap((way) => {
    const { secrets, credentials, tolerance } = objectOf(verify[way]);
    const field = way === "basic" ? "credentials" : "secrets";
    const list = listOf(way === "basic" ? credentials : secrets);
    const none = list.length === 0 ? [errorAt(`${path}.${way}.${field}`, "must not be empty")] : [];
    const many = list.length > 8 ? [warningAt(`${path}.${way}.${field}`, "are many: each is tried")] : [];
    return [...none, ...many, ...checkDuration(tolerance, `${path}.${way}.tolerance`, "error")];
  });
}
