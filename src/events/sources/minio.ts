import { warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { keyFilterSchema, metadataSchema } from "./schemas.ts";
import { ignoredFilterRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Changes of objects in a MinIO bucket (not of AWS S3).",
  required: ["endpoint", "accessKey", "secretKey"],
  properties: {
    endpoint: requiredText("host:port of the server."),
    bucket: {
      type: "object",
      description: "The bucket.",
      required: ["name"],
      properties: { name: requiredText("The bucket's name."), key: textField("Has no effect here.") },
    },
    region: textField("The bucket's region."),
    insecure: flagField("Without TLS."),
    accessKey: secretKeyField("The access key."),
    secretKey: secretKeyField("The secret key."),
    events: textList("Such as s3:ObjectCreated:Put; * stands for all of a sort."),
    filter: keyFilterSchema,
    caCertificate: secretKeyField("Certificate of the authority that the server is checked against."),
    metadata: metadataSchema,
  },
} as const satisfies JsonSchema;

const bucketRule: SourceRule = (event, path) =>
  event.bucket === undefined ? [warningAt(`${path}.bucket`, "is missing: there is nothing to listen to")] : [];

export const minioSchema = sourceSchema(json, bucketRule, ignoredFilterRule);
