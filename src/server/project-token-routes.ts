import { randomUUID } from "node:crypto";
import { type Request, Router } from "express";
import { listOf, objectOf, objectsOf, textOf } from "../api/fields.ts";
import { argoApiVersion } from "../api/resources.ts";
import type { Clock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import type { Access } from "./access/access.ts";
import { secondsIn } from "./access/account-routes.ts";
import { roleTokens } from "./access/accounts.ts";
import { callerOf, demand } from "./access/caller.ts";
import { controllerNamespace } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";

export interface ProjectTokenRouteDeps {
  readonly kube: KubeClient;
  readonly access: Access;
  readonly clock: Clock;
}

const maxAttempts = 10;

/** `/api/v1/projects/PROJECT/roles/ROLE/token` (spec argo-cd-surface 2.6, 6.2): a token is valid while it stands in its role. */
export function projectTokenRoutes({ kube, access, clock }: ProjectTokenRouteDeps): Router {
  const router = Router();
  router.post("/:project/roles/:role/token", ...jsonBody(), async (request, response) => {
    const [project, role] = namesIn(request);
    const { id: wanted, expiresIn } = bodyObject(request);
    const iat = Math.floor(clock.now() / 1_000);
    const lifeS = secondsIn(expiresIn);
    const exp = lifeS === 0 ? {} : { exp: iat + lifeS };
    const id = textOf(wanted) || randomUUID();
    await editRole(kube, request, (found, spec) => {
      if (roleTokens(spec, role).some((one) => one.id === id)) {
        throw new EngineError("USAGE", `Token id '${id}' has been used.`);
      }
      return { ...found, jwtTokens: [...listOf(found.jwtTokens), { iat, ...exp, id }] };
    });
    access.changed();
    const subject = `proj:${project}:${role}`;
    response.json({ token: await access.sign({ iss: "argocd", sub: subject, jti: id, iat, nbf: iat, ...exp }) });
  });
  router.delete("/:project/roles/:role/token/:iat", async (request, response) => {
    const id = textOf(request.query.id as JsonValue | undefined);
    const iat = Number(request.params.iat);
    const isMeant = (token: JsonObject): boolean => (id === "" ? Number(token.iat) === iat : token.id === id);
    await editRole(kube, request, (found) => {
      const left = objectsOf(found.jwtTokens).filter((token) => !isMeant(token));
      if (left.length === listOf(found.jwtTokens).length) {
        throw new EngineError("NOT_FOUND", `token of ${request.params.iat} not found in the role`);
      }
      return { ...found, jwtTokens: left };
    });
    access.changed();
    response.json({});
  });
  return router;
}

function namesIn({ params }: Request): readonly [string, string] {
  return [String(params.project), String(params.role)];
}

/**
 * For who may change the project, or is in a group of the role. Asked again when somebody else wrote meanwhile.
 * @throws EngineError FORBIDDEN, NOT_FOUND
 */
async function editRole(
  kube: KubeClient,
  request: Request,
  change: (role: JsonObject, spec: JsonObject) => JsonObject,
): Promise<void> {
  const [project, role] = namesIn(request);
  const caller = callerOf(request);
  const ref = { apiVersion: argoApiVersion, kind: "AppProject", namespace: controllerNamespace, name: project };
  for (let attempt = 1; ; attempt++) {
    const now = await kube.get(ref);
    const spec = objectOf(now?.spec as JsonValue | undefined);
    const roles = objectsOf(spec.roles);
    const found = roles.find(({ name }) => name === role);
    if (!listOf(found?.groups).includes(caller.name)) demand(caller, "projects", "update", project);
    if (now === undefined) throw new EngineError("NOT_FOUND", `appprojects.argoproj.io "${project}" not found`);
    if (found === undefined)
      throw new EngineError("NOT_FOUND", `role '${role}' does not exist in project '${project}'`);
    const made = change(found, spec);
    const written = roles.map((one) => (one.name === role ? made : one));
    try {
      await kube.update(withRoles(now, spec, written), { fieldManager: "tiphys" });
      return;
    } catch (error) {
      const isConflict = error instanceof EngineError && error.code === "API_CONFLICT";
      if (!isConflict || attempt === maxAttempts) throw error;
    }
  }
}

/** The status mirrors the tokens. */
function withRoles(now: KubeObject, spec: JsonObject, roles: readonly JsonObject[]): KubeObject {
  const byRole = roles.flatMap(({ name, jwtTokens }) =>
    listOf(jwtTokens).length === 0 ? [] : [[textOf(name), { items: listOf(jwtTokens) }] as const],
  );
  const status = { ...objectOf(now.status as JsonValue | undefined), jwtTokensByRole: Object.fromEntries(byRole) };
  return { ...now, spec: { ...spec, roles }, status } as KubeObject;
}
