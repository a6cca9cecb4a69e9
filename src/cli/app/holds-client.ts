import { objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { type HoldScope, isHeldBy } from "../../gitops/reconcile/holds.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type GlobalFlags, requireEngine } from "../engine-client.ts";
import { asked } from "./applications-client.ts";

/** One of them. */
export interface HoldScopeFlags {
  readonly selector?: string;
  readonly cluster?: string;
  readonly all?: boolean;
}

export interface ShownHold {
  readonly name: string;
  readonly scope: HoldScope;
  readonly reason: string;
  readonly owner: string;
  /** RFC 3339 */
  readonly until?: string;
}

/** Holds of many Applications, over the API. */
export interface HoldsClient {
  /** None from an engine that does not know of them. */
  list(): Promise<readonly ShownHold[]>;
  place(hold: HoldScopeFlags & Pick<ShownHold, "reason" | "owner" | "until">): Promise<ShownHold>;
  end(scope: HoldScopeFlags): Promise<ShownHold>;
}

export function openHoldsClient(flags: GlobalFlags): HoldsClient {
  const engine = requireEngine(flags);
  return {
    list: async () => (await asked(engine.get<Held>("/holds").catch(noneUnlessKnown))).holds,
    place: ({ selector, cluster, all, reason, owner, until }) =>
      asked(engine.post("/holds", { selector, cluster, all, reason, owner, until })),
    end({ selector, cluster, all }) {
      const given = { selector, cluster, all: all === true ? "true" : undefined };
      const query = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined);
      return asked(engine.delete(`/holds?${new URLSearchParams(query)}`));
    },
  };
}

interface Held {
  readonly holds: readonly ShownHold[];
}

function noneUnlessKnown(error: unknown): Held {
  if (error instanceof EngineError && error.code === "NOT_FOUND") return { holds: [] };
  throw error;
}

/** The holds that are for an Application, one line each. */
export function heldBy({ metadata, spec }: KubeObject, holds: readonly ShownHold[]): readonly string[] {
  const { server, name } = objectOf(objectOf(spec as JsonValue | undefined).destination);
  const cluster = { server: textOf(server), name: textOf(name) };
  const { namespace = "", labels = {} } = metadata;
  const application = { metadata: { namespace, name: metadata.name ?? "", labels } };
  return holds
    .filter((hold) => isHeldBy(hold, application, cluster))
    .map(({ reason, owner, until }) => {
      const told = [...(owner === "" ? [] : [owner]), ...(until === undefined ? [] : [`until ${until}`])].join(", ");
      return told === "" ? reason : `${reason} (${told})`;
    });
}

/** `Applications with labels team=a` */
export function scopeText(scope: HoldScope): string {
  switch (scope.kind) {
    case "application":
      return `Application ${scope.application}`;
    case "selector":
      return `Applications with labels ${scope.selector}`;
    case "cluster":
      return `Applications of cluster ${scope.cluster}`;
    case "all":
      return "all Applications";
  }
}
