import { textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";

/** What a token says of itself, to be shown: the server alone judges it. What is no such token says nothing. */
export function subjectClaims(token: string): JsonObject {
  try {
    const value: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** The account whose session it is. @throws EngineError NOT_FOUND */
export function accountIn(token: string): string {
  const [name = "", capability] = textOf(subjectClaims(token).sub).split(":");
  if (name !== "" && capability === "login") return name;
  throw new EngineError("NOT_FOUND", "the context has no session of an account: log in with `tiphys login`");
}
