import { EngineError, TerminalError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";

/** The API does not do this with objects of this kind. */
export class MethodNotAllowed extends TerminalError {}

/** The error for an answer that is no success; `doing` names the request (`get v1/ConfigMap/default/x`). */
export function apiError(doing: string, status: number, body: string): EngineError {
  const message = `${doing}: ${statusMessage(body) ?? `HTTP ${status}`}`;
  if (status === 413 || tooLarge.test(message)) return new TerminalError("API_TOO_LARGE", message);
  switch (status) {
    case 401:
    case 403:
      return new TerminalError("API_FORBIDDEN", message);
    case 404:
      return new TerminalError("API_NOT_FOUND", message);
    case 409:
    case 410:
      return new EngineError("API_CONFLICT", message);
    case 405:
      return new MethodNotAllowed("API_INVALID", message);
    case 408:
    case 425:
    case 429:
      return new EngineError("API_UNAVAILABLE", message);
    default:
      return status >= 500 ? new EngineError("API_UNAVAILABLE", message) : new TerminalError("API_INVALID", message);
  }
}

/** Somebody wrote meanwhile, or it is another object by now. */
export function isConflict(error: unknown): boolean {
  return error instanceof EngineError && error.code === "API_CONFLICT";
}

/** How etcd, and the way there, say it through the API server, with status 500. */
const tooLarge = /etcdserver: request is too large|trying to send message larger than max/;

function statusMessage(body: string): string | undefined {
  try {
    const status: unknown = JSON.parse(body);
    return isJsonObject(status) && typeof status.message === "string" ? status.message : undefined;
  } catch {
    return undefined;
  }
}
