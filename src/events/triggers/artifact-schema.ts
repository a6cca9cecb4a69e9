import { objectOf, textOf, warningAt } from "../../api/fields.ts";
import { messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { JsonSchema, Problem } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { parseYaml } from "../../base/yaml.ts";
import { has, type TriggerRule } from "./rules.ts";
import { configMapKeySchema, secretKeySchema } from "./schemas.ts";

const s3Schema = {
  type: "object",
  description: "An object in an S3 store, of at most 1.2 MB.",
  required: ["endpoint", "bucket"],
  properties: {
    endpoint: { type: "string", minLength: 1, description: "Host and port of the store." },
    bucket: {
      type: "object",
      description: "Which object.",
      required: ["name", "key"],
      properties: {
        name: { type: "string", minLength: 1, description: "The bucket." },
        key: { type: "string", minLength: 1, description: "The object's key." },
      },
    },
    region: { type: "string", description: "The region; default: us-east-1, or the one that the store names." },
    insecure: { type: "boolean", description: "Whether to speak HTTP without TLS.", default: false },
    accessKey: { ...secretKeySchema, description: "Access key." },
    secretKey: { ...secretKeySchema, description: "Secret key." },
    caCertificate: { ...secretKeySchema, description: "Authority that the store is checked against." },
    events: { type: "array", description: "Has no effect here.", items: { type: "string" } },
    filter: {
      type: "object",
      description: "Has no effect here.",
      properties: {
        prefix: { type: "string", description: "Has no effect here." },
        suffix: { type: "string", description: "Has no effect here." },
      },
    },
    metadata: {
      type: "object",
      description: "Has no effect here.",
      additionalProperties: { type: "string" },
    },
  },
} as const satisfies JsonSchema;

const gitSchema = {
  type: "object",
  description: "A file in a Git repository. Of ref, tag and branch the first counts; without any it is `master`.",
  required: ["url", "filePath"],
  properties: {
    url: { type: "string", minLength: 1, description: "The repository." },
    cloneDirectory: { type: "string", description: "Has no effect: mirrors are the engine's." },
    filePath: { type: "string", minLength: 1, description: "The file, from the top of the repository." },
    branch: { type: "string", description: "A branch." },
    tag: { type: "string", description: "A tag." },
    ref: { type: "string", description: "A full ref: `refs/heads/main`." },
    creds: {
      type: "object",
      description: "User name and password.",
      properties: {
        username: { ...secretKeySchema, description: "The user's name." },
        password: { ...secretKeySchema, description: "The user's password or token." },
      },
    },
    githubApp: {
      type: "object",
      description: "An app of GitHub whose token is used.",
      properties: {
        privateKey: { ...secretKeySchema, description: "The app's private key." },
        appID: { "x-kubernetes-int-or-string": true, description: "The app's id." },
        installationID: { "x-kubernetes-int-or-string": true, description: "Id of its installation." },
      },
    },
    sshKeySecret: { ...secretKeySchema, description: "A private SSH key." },
    insecureIgnoreHostKey: {
      type: "boolean",
      description: "Whether any host key is taken.",
      default: false,
    },
    remote: {
      type: "object",
      description: "What is fetched from in place of `url`.",
      properties: {
        name: { type: "string", description: "The remote's name." },
        urls: { type: "array", description: "Its URLs; the first counts.", items: { type: "string" } },
      },
    },
  },
} as const satisfies JsonSchema;

export const artifactSchema = {
  type: "object",
  description:
    "Where the object comes from; of several the first counts: s3, inline, file, url, git, configmap, resource.",
  properties: {
    resource: {
      type: "object",
      description: "The object itself.",
      "x-kubernetes-preserve-unknown-fields": true,
    },
    inline: { type: "string", description: "The object as YAML or JSON text; only its first document counts." },
    s3: s3Schema,
    file: {
      type: "object",
      description: "A file beside the engine.",
      required: ["path"],
      properties: { path: { type: "string", minLength: 1, description: "The file's path." } },
    },
    url: {
      type: "object",
      description: "What an HTTP server answers, of which 512 KiB are read.",
      required: ["path"],
      properties: {
        path: { type: "string", minLength: 1, format: "uri", description: "The URL." },
        verifyCert: {
          type: "boolean",
          description: "Whether the server's certificate is verified; only `false` says no.",
        },
      },
    },
    git: gitSchema,
    configmap: configMapKeySchema,
  },
} as const satisfies JsonSchema;

/** Where a resource to create comes from (spec argo-events 6.2). */
export type ArtifactSource = SpecOf<typeof artifactSchema>;

/** When several are there, the first of these counts, as in the original. */
export const artifactOrder = ["s3", "inline", "file", "url", "git", "configmap", "resource"] as const;

/** What of `source` fails with each event only, or has no effect. */
export const sourceRule: TriggerRule = ({ source }, path) => {
  if (!isJsonObject(source)) return [];
  const at = `${path}.source`;
  const [first, ...others] = artifactOrder.filter((name) => source[name] !== undefined);
  if (first === undefined) {
    return [warningAt(at, `unknown artifact location: expected one of ${artifactOrder.join(", ")}`)];
  }
  const unused = others.map((name) => warningAt(`${at}.${name}`, `has no effect beside ${first}`));
  return [...unused, ...placeProblems(source, first, `${at}.${first}`)];
};

function placeProblems(source: JsonObject, place: (typeof artifactOrder)[number], path: string): Problem[] {
  switch (place) {
    case "inline":
      try {
        parseManifestText(textOf(source.inline), path);
        return [];
      } catch (error) {
        return [warningAt(path, messageOf(error).slice(`${path}: `.length))];
      }
    case "resource": {
      const resource = objectOf(source.resource);
      return ["apiVersion", "kind"]
        .filter((field) => textOf(resource[field]) === "")
        .map((field) => warningAt(`${path}.${field}`, "is missing: the trigger fails with each event"));
    }
    case "url":
      if (objectOf(source.url).verifyCert === true || !textOf(objectOf(source.url).path).startsWith("https:"))
        return [];
      return [warningAt(path, "Argo Events does not verify the server's certificate", "set `verifyCert: true`")];
    case "git":
      return gitProblems(objectOf(source.git), path);
    default:
      return [];
  }
}

function gitProblems(git: JsonObject, path: string): Problem[] {
  const [first, ...others] = ["ref", "tag", "branch"].filter((field) => has(git[field]));
  const unused = others.map((field) => warningAt(`${path}.${field}`, `has no effect beside ${first}`));
  const odd = ["filePath", "cloneDirectory"].filter((field) => /\.\.|[~\\]/.test(textOf(git[field])));
  return [
    ...unused,
    ...odd.map((field) => warningAt(`${path}.${field}`, `${JSON.stringify(git[field])} must not contain .., ~ or \\`)),
  ];
}

/** The first document counts, as in the original. */
export function parseManifestText(text: string, path: string): JsonObject {
  let value: unknown;
  try {
    [value] = parseYaml(text);
  } catch (error) {
    throw new TerminalError("MANIFEST_INVALID", `${path}: not YAML: ${messageOf(error)}`, error);
  }
  if (!isJsonObject(value)) throw new TerminalError("MANIFEST_INVALID", `${path}: must hold an object`);
  return value;
}
