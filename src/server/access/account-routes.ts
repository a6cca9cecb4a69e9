import { randomUUID } from "node:crypto";
import { Router } from "express";
import { textOf } from "../../api/fields.ts";
import { hashPassword, maxPasswordBytes } from "../../base/bcrypt.ts";
import { type Clock, isoTime } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { compileRegex } from "../../base/regex.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { bodyObject, jsonBody } from "../body.ts";
import type { Access } from "./access.ts";
import { type Account, accountJson, placeOf, tokensIn } from "./accounts.ts";
import { type Caller, callerOf, demand } from "./caller.ts";
import { editSecret } from "./values-edit.ts";

export interface AccountRouteDeps {
  readonly access: Access;
  readonly kube: KubeClient;
  readonly clock: Clock;
}

const secretName = "argocd-secret";
const defaultPattern = "^.{8,32}$";

/** `/api/v1/account` (spec argo-cd-surface 3.6, 6.2): accounts of `argocd-cm`, their passwords and tokens. */
export function accountRoutes(deps: AccountRouteDeps): Router {
  const { access, kube, clock } = deps;
  const router = Router();
  const find = async (caller: Caller, name: string, action: string): Promise<Account> => {
    // Of oneself everybody may know, and change what is one's own.
    if (caller.session?.subject !== name) demand(caller, "accounts", action, name);
    const found = (await access.state()).accounts.get(name);
    if (found !== undefined) return found;
    throw new EngineError("NOT_FOUND", `account '${name}' does not exist`);
  };
  router.get("/can-i/:resource/:action/{*subresource}", (request, response) => {
    const { resource = "", action = "", subresource } = request.params as Readonly<Record<string, string | string[]>>;
    const object = [subresource ?? ""].flat().join("/");
    const isAllowed = callerOf(request).may(String(resource), String(action), object);
    response.json({ value: isAllowed ? "yes" : "no" });
  });
  router.get("/", async (request, response) => {
    const caller = callerOf(request);
    const { accounts } = await access.state();
    const shown = [...accounts.values()].filter(
      ({ name }) => caller.session?.subject === name || caller.may("accounts", "get", name),
    );
    response.json({ items: shown.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(accountJson) });
  });
  router.get("/:name", async (request, response) => {
    response.json(accountJson(await find(callerOf(request), request.params.name, "get")));
  });
  router.put("/password", ...jsonBody(), async (request, response) => {
    const { name, currentPassword, newPassword } = bodyObject(request);
    const caller = callerOf(request);
    const account = await find(caller, textOf(name) || caller.name, "update");
    // Whoever has a session for a while must not keep it by a password of their own.
    if (!caller.isRoot) await access.checkPassword(caller.name, textOf(currentPassword));
    await checkNew(textOf(newPassword), access);
    const place = placeOf(account.name);
    const hash = await hashPassword(textOf(newPassword));
    await editSecret(kube, secretName, () => ({
      [`${place}.password`]: hash,
      [`${place}.passwordMtime`]: isoTime(clock.now()),
    }));
    access.changed();
    response.json({});
  });
  tokenRoutes(router, find, deps);
  return router;
}

async function checkNew(password: string, access: Access): Promise<void> {
  const pattern = (await access.state()).settings.passwordPattern || defaultPattern;
  if (Buffer.byteLength(password) > maxPasswordBytes) {
    throw new EngineError("USAGE", `newPassword: must have at most ${maxPasswordBytes} bytes`);
  }
  if (compileRegex(pattern).matches(password)) return;
  throw new EngineError("USAGE", `New password does not match the following expression: ${pattern}.`);
}

function tokenRoutes(
  router: Router,
  find: (caller: Caller, name: string, action: string) => Promise<Account>,
  { access, kube, clock }: AccountRouteDeps,
): void {
  router.post("/:name/token", ...jsonBody(), async (request, response) => {
    const body = bodyObject(request);
    const account = await find(callerOf(request), String(request.params.name), "update");
    if (!account.capabilities.includes("apiKey")) {
      throw new EngineError("USAGE", `account ${account.name} does not have apiKey capability`);
    }
    const iat = Math.floor(clock.now() / 1_000);
    const id = textOf(body.id) || randomUUID();
    const lifeS = secondsIn(body.expiresIn);
    const entry = { id, iat, ...(lifeS === 0 ? {} : { exp: iat + lifeS }) };
    const key = `${placeOf(account.name)}.tokens`;
    await editSecret(kube, secretName, (values) => {
      const tokens = tokensIn(values[key]);
      if (tokens.some((one) => one.id === id)) {
        throw new EngineError("USAGE", `account already has token with id '${id}'`);
      }
      return { [key]: JSON.stringify([...tokens, entry]) };
    });
    access.changed();
    const { exp } = entry;
    const claims = { iss: "argocd", sub: `${account.name}:apiKey`, jti: id, iat, nbf: iat };
    response.json({ token: await access.sign({ ...claims, ...(exp === undefined ? {} : { exp }) }) });
  });
  router.delete("/:name/token/:id", async (request, response) => {
    const { name } = await find(callerOf(request), request.params.name, "update");
    const key = `${placeOf(name)}.tokens`;
    await editSecret(kube, secretName, (values) => {
      const tokens = tokensIn(values[key]);
      const left = tokens.filter((one) => one.id !== request.params.id);
      if (left.length === tokens.length) {
        throw new EngineError("NOT_FOUND", `token with id '${request.params.id}' does not exist`);
      }
      return { [key]: JSON.stringify(left) };
    });
    access.changed();
    response.json({});
  });
}

/** The gateway of the original writes long integers as texts. @throws EngineError USAGE */
export function secondsIn(value: JsonValue | undefined): number {
  const seconds = Number(value ?? 0);
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds;
  throw new EngineError("USAGE", `expiresIn: ${JSON.stringify(value)} must be a number of seconds, or 0 for never`);
}
