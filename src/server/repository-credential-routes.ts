import { type Request, Router } from "express";
import { EngineError } from "../base/errors.ts";
import type { KubeClient } from "../kube/kube.ts";
import { callerOf, demand } from "./access/caller.ts";
import { flagOf } from "./application-edit-routes.ts";
import { bodyObject, jsonBody } from "./body.ts";
import { credentialsJson, plainValues, saysSame, templateValues } from "./repository-values.ts";
import { deleteSecret, fnv32a, listSecrets, type StoredSecret, writeSecret } from "./stored-secret.ts";

/** `/api/v1/repocreds`: credentials of all repositories whose URL begins with `url`. */
export function repositoryCredentialRoutes(kube: KubeClient, type: "repo-creds" | "repo-write-creds"): Router {
  const router = Router();
  const resource = type === "repo-creds" ? "repositories" : "write-repositories";
  const find = async (request: Request, action: string): Promise<StoredSecret> => {
    const url = String(request.params.url);
    demand(callerOf(request), resource, action, url);
    const found = (await listSecrets(kube, type)).find(({ values }) => values.url === url);
    if (found !== undefined) return found;
    throw new EngineError("NOT_FOUND", `credentials template "${url}" not found`);
  };
  router.get("/", async (request, response) => {
    const caller = callerOf(request);
    const shown = (await listSecrets(kube, type)).filter(({ values }) => caller.may(resource, "get", values.url ?? ""));
    response.json({ metadata: {}, items: shown.map(({ values }) => credentialsJson(values)) });
  });
  router.post("/", ...jsonBody(), async (request, response) => {
    const values = templateValues(bodyObject(request));
    const known = (await listSecrets(kube, type)).find((one) => one.values.url === values.url);
    demand(callerOf(request), resource, known === undefined ? "create" : "update", values.url ?? "");
    const isSame = known !== undefined && saysSame(plainValues(known.values), plainValues(values));
    if (known !== undefined && !isSame && !flagOf(request, "upsert", false)) {
      const message = "existing repository credentials spec is different; use upsert flag to force update";
      throw new EngineError("USAGE", message);
    }
    const name = `${type === "repo-creds" ? "creds" : "creds-write"}-${fnv32a(values.url ?? "")}`;
    if (!isSame) await writeSecret(kube, { name, type, values }, known?.object);
    response.json(credentialsJson(values));
  });
  router.put("/:url", ...jsonBody(), async (request, response) => {
    const { object, values: now } = await find(request, "update");
    // The URL stays: what is stored must not be tried on another server.
    const given = templateValues({ ...bodyObject(request), url: now.url ?? "" });
    const values = templateValues({ ...plainValues(now), ...plainValues(given) });
    await writeSecret(kube, { name: "", type, values }, object);
    response.json(credentialsJson(values));
  });
  router.delete("/:url", async (request, response) => {
    await deleteSecret(kube, (await find(request, "delete")).object);
    response.json({});
  });
  return router;
}
