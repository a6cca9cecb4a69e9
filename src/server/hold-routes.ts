import express, { type Request, Router } from "express";
import { textOf } from "../api/fields.ts";
import { type Instant, instant, isoTime } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { Hold, HoldScope } from "../gitops/reconcile/holds.ts";
import { callerOf } from "./access/caller.ts";
import { textParameter } from "./application-query.ts";

/** See `controllers/applications/holds.ts`. */
export interface HoldAccess {
  list(): readonly Hold[];
  place(hold: Omit<Hold, "name">): Promise<Hold>;
  end(scope: HoldScope): Promise<Hold>;
}

/** `/api/v1/tiphys/holds`: of many Applications; those of one stand in its annotations, and are listed here, too. */
export function holdRoutes(holds: HoldAccess): Router {
  const router = Router();
  router.get("/", (request, response) => {
    const all = holds.list();
    // What keeps many back concerns whoever has one of them; that of one Application shows in it.
    const isAllowed = callerOf(request).may("tiphys", "get", "holds");
    const seen = isAllowed ? all : all.filter(({ scope }) => scope.kind !== "application");
    response.json({ holds: seen.map(shown) });
  });
  router.post("/", express.json(), async (request, response) => {
    const body: unknown = request.body;
    const { reason, owner, until } = isJsonObject(body) ? body : {};
    if (textOf(reason) === "") throw new EngineError("USAGE", "reason: must be a text that is not empty");
    const end = untilOf(textOf(until));
    const scope = scopeOf(
      (name) => (isJsonObject(body) ? textOf(body[name]) : ""),
      isJsonObject(body) && body.all === true,
    );
    const hold = { scope, reason: textOf(reason), owner: textOf(owner), ...(end === undefined ? {} : { until: end }) };
    response.status(201).json(shown(await holds.place(hold)));
  });
  router.delete("/", async (request: Request, response) => {
    const text = (name: string): string => textParameter(request, name) ?? "";
    response.json(shown(await holds.end(scopeOf(text, text("all") === "true"))));
  });
  return router;
}

function scopeOf(text: (name: string) => string, isAll: boolean): HoldScope {
  const [selector, cluster] = [text("selector"), text("cluster")];
  const scopes: readonly HoldScope[] = [
    ...(selector === "" ? [] : [{ kind: "selector" as const, selector }]),
    ...(cluster === "" ? [] : [{ kind: "cluster" as const, cluster }]),
    ...(isAll ? [{ kind: "all" as const }] : []),
  ];
  const [scope] = scopes;
  if (scope === undefined || scopes.length > 1) {
    throw new EngineError("USAGE", "a hold is for one of selector, cluster and all");
  }
  return scope;
}

function untilOf(text: string): Instant | undefined {
  if (text === "") return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new EngineError("USAGE", `until: "${text}" must be a time such as 2026-12-01T08:00:00Z`);
  return instant(at);
}

function shown({ until, ...hold }: Hold): object {
  return { ...hold, ...(until === undefined ? {} : { until: isoTime(until) }) };
}
