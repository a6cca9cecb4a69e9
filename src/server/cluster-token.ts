import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { objectOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";

/** Below the time that the command line waits for an answer. */
const deadlineMs = 20_000;
const pollMs = 250;

export interface NewToken {
  readonly token: string;
  /** Deletes the Secret of the token before, once nobody uses it. */
  forgetOld(): Promise<void>;
}

/**
 * Another token of the service account that `old` is one of, asked for with its own rights. The one before goes on to work.
 * @throws EngineError USAGE when it is no such token; WAIT_TIMEOUT when the cluster writes none
 */
export async function makeToken(kube: KubeClient, old: string): Promise<NewToken> {
  const { namespace, account, secret } = accountOf(old);
  const name = `${account}-token-${randomBytes(3).toString("hex")}`;
  const annotations = { "kubernetes.io/service-account.name": account };
  const ref = { apiVersion: "v1", kind: "Secret", namespace };
  const type = "kubernetes.io/service-account-token";
  const metadata = { name, namespace, annotations };
  await kube.create({ apiVersion: "v1", kind: "Secret", metadata, type }, { fieldManager: "tiphys" });
  const token = await writtenToken(kube, { ...ref, name });
  return {
    token,
    async forgetOld() {
      if (secret !== "") await kube.delete({ ...ref, name: secret });
    },
  };
}

async function writtenToken(
  kube: KubeClient,
  ref: { readonly apiVersion: string; readonly kind: string; readonly namespace: string; readonly name: string },
): Promise<string> {
  for (let waitedMs = 0; waitedMs < deadlineMs; waitedMs += pollMs) {
    const data = (await kube.get(ref))?.data;
    const token = isJsonObject(data) ? textOf(data.token) : "";
    if (token !== "") return Buffer.from(token, "base64").toString("utf8");
    await sleep(pollMs);
  }
  await kube.delete(ref);
  throw new EngineError(
    "WAIT_TIMEOUT",
    `the cluster wrote no token into Secret "${ref.namespace}/${ref.name}" in time`,
  );
}

/** What the token says of itself: tokens of Secrets, and those that end. The cluster has judged it. */
function accountOf(token: string) {
  const claims = claimsIn(token);
  const place = objectOf(claims["kubernetes.io"]);
  const field = (name: string): string => textOf(claims[`kubernetes.io/serviceaccount/${name}`]);
  const namespace = field("namespace") || textOf(place.namespace);
  const account = field("service-account.name") || textOf(objectOf(place.serviceaccount).name);
  if (namespace !== "" && account !== "") return { namespace, account, secret: field("secret.name") };
  const what = "the cluster's credentials are no token of a service account";
  throw new EngineError("USAGE", `${what}: only such a token can be rotated`);
}

function claimsIn(token: string): JsonObject {
  try {
    const value: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return isJsonObject(value) ? value : {};
  } catch {
    return {}; // no such token
  }
}
