import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";

/** A lease, or the session of an engine that holds leases, as stored. */
export interface LeaseBody {
  readonly owner: string;
  /** One for each session: a restarted owner is another. */
  readonly token: string;
  /** For people: nobody's clock is trusted. */
  readonly renewedAt: number;
}

export function bodyOf(body: LeaseBody): Uint8Array {
  return Buffer.from(JSON.stringify(body), "utf8");
}

/** @throws EngineError STORE_FAILED */
export function parseBody(value: Uint8Array): LeaseBody {
  const body = parseJson(value);
  if (isJsonObject(body)) {
    const { owner, token, renewedAt } = body;
    if (typeof owner === "string" && typeof token === "string" && typeof renewedAt === "number") {
      return { owner, token, renewedAt };
    }
  }
  throw new EngineError("STORE_FAILED", "a stored lease cannot be read: it lacks owner, token or renewedAt");
}

function parseJson(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value).toString("utf8"));
  } catch (error) {
    throw new EngineError("STORE_FAILED", `a stored lease cannot be read: ${messageOf(error)}`, error);
  }
}
