import { Router } from "express";
import { textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import { textsIn } from "./access/access-state.ts";
import type { Texts } from "./access/accounts.ts";
import { callerOf, demand } from "./access/caller.ts";
import { editConfigMap } from "./access/values-edit.ts";
import { controllerNamespace, textParameter } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";
import { keyBlocksIn, publicKeysIn } from "./openpgp-key.ts";

const mapName = "argocd-gpg-keys-cm";

/** `/api/v1/gpgkeys` (spec argo-cd-surface 6.2): the key ring `argocd-gpg-keys-cm`, by key id. */
export function gpgKeyRoutes(kube: KubeClient): Router {
  const router = Router();
  const read = async (): Promise<Texts> =>
    textsIn(
      (await kube.get({ apiVersion: "v1", kind: "ConfigMap", namespace: controllerNamespace, name: mapName }))?.data,
    );
  router.get("/", async (request, response) => {
    const caller = callerOf(request);
    const wanted = textParameter(request, "keyID");
    const all = Object.values(await read()).flatMap(keysIn);
    const items = all.filter(
      ({ keyID }) => (wanted === undefined || isKey(keyID, wanted)) && caller.may("gpgkeys", "get", textOf(keyID)),
    );
    response.json({ metadata: {}, items });
  });
  router.get("/:keyID", async (request, response) => {
    const wanted = request.params.keyID;
    demand(callerOf(request), "gpgkeys", "get", wanted);
    const found = Object.values(await read())
      .flatMap(keysIn)
      .find(({ keyID }) => isKey(keyID, wanted));
    if (found === undefined) throw missing(wanted);
    response.json(found);
  });
  router.post("/", ...jsonBody(), async (request, response) => {
    const keys = keyBlocksIn(textOf(bodyObject(request).keyData)).flatMap(keysIn);
    if (keys.length === 0) throw new EngineError("USAGE", "keyData: must hold public keys of OpenPGP, armoured");
    for (const { keyID } of keys) demand(callerOf(request), "gpgkeys", "create", textOf(keyID));
    let skipped: readonly JsonObject[] = [];
    await editConfigMap(kube, mapName, (now) => {
      skipped = keys.filter(({ keyID }) => textOf(keyID) in now);
      const fresh = keys.filter((key) => !skipped.includes(key));
      return Object.fromEntries(fresh.map(({ keyID, keyData }) => [textOf(keyID), textOf(keyData)]));
    });
    const items = keys.filter((key) => !skipped.includes(key));
    response.json({ created: { metadata: {}, items }, skipped: skipped.map(({ keyID }) => textOf(keyID)) });
  });
  router.delete("/", async (request, response) => {
    const wanted = textParameter(request, "keyID") ?? "";
    demand(callerOf(request), "gpgkeys", "delete", wanted);
    await editConfigMap(kube, mapName, (now) => {
      const key = Object.keys(now).find((one) => isKey(one, wanted));
      if (key === undefined) throw missing(wanted);
      return { [key]: null };
    });
    response.json({});
  });
  return router;
}

function keysIn(block: string): readonly JsonObject[] {
  return publicKeysIn(block).map((key) => ({ ...key, trust: "unknown", keyData: block }));
}

/** A fingerprint names a key, too. */
function isKey(keyID: unknown, wanted: string): boolean {
  return wanted !== "" && keyID === wanted.toUpperCase().slice(-16);
}

function missing(keyID: string): EngineError {
  return new EngineError("NOT_FOUND", `No such key: ${keyID}`);
}
