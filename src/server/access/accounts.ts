import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";

/** A local account (spec argo-cd-surface 3.6). */
export interface Account {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly capabilities: readonly Capability[];
  /** bcrypt; absent: nobody can log in as it. */
  readonly passwordHash?: string;
  /** Seconds since 1970: logins from before do not count. */
  readonly passwordFromS?: number;
  readonly tokens: readonly AccountToken[];
}

export type Capability = "login" | "apiKey";

/** Seconds since 1970. */
export interface AccountToken {
  readonly id: string;
  readonly iat: number;
  readonly exp?: number;
}

export type Texts = Readonly<Record<string, string>>;

const nameForm = /^accounts\.([^.]+)$/;

/** Of `argocd-cm` and `argocd-secret`, by name; `admin` is always among them. */
export function accountsIn(settings: Texts, secrets: Texts): ReadonlyMap<string, Account> {
  const names = Object.keys(settings).flatMap((key) => nameForm.exec(key)?.[1] ?? []);
  return new Map(["admin", ...names].map((name) => [name, accountOf(name, settings, secrets)]));
}

function accountOf(name: string, settings: Texts, secrets: Texts): Account {
  const place = placeOf(name);
  const isAdmin = name === "admin";
  const given = (settings[`accounts.${name}`] ?? "").split(",").map((one) => one.trim());
  const capabilities = (["login", "apiKey"] as const).filter(
    (capability) => given.includes(capability) || (isAdmin && capability === "login"),
  );
  const switches = [settings[`accounts.${name}.enabled`], isAdmin ? settings["admin.enabled"] : undefined];
  const hash = secrets[`${place}.password`]?.trim();
  const from = Date.parse(secrets[`${place}.passwordMtime`]?.trim() ?? "");
  return {
    name,
    isEnabled: !switches.some((text) => text?.trim() === "false"),
    capabilities,
    ...(hash ? { passwordHash: hash } : {}),
    ...(Number.isNaN(from) ? {} : { passwordFromS: Math.floor(from / 1_000) }),
    tokens: tokensIn(secrets[`${place}.tokens`]),
  };
}

/** What the keys of an account begin with in `argocd-secret`. */
export function placeOf(name: string): string {
  return name === "admin" ? "admin" : `accounts.${name}`;
}

/** What cannot be read is no token: who has it is refused. */
export function tokensIn(text: string | undefined): readonly AccountToken[] {
  let list: JsonValue = [];
  try {
    list = JSON.parse(text || "[]") as JsonValue;
  } catch {
    return [];
  }
  return listOf(list)
    .filter(isJsonObject)
    .map(({ id, iat, exp }) => ({
      id: textOf(id),
      iat: Number(iat ?? 0),
      ...(Number(exp) > 0 ? { exp: Number(exp) } : {}),
    }));
}

/** As the API shows it; never what is secret. */
export function accountJson({ name, isEnabled, capabilities, tokens }: Account): JsonObject {
  return {
    name,
    enabled: isEnabled,
    capabilities: [...capabilities],
    ...(tokens.length === 0
      ? {}
      : {
          tokens: tokens.map(({ id, iat, exp }) => ({
            id,
            issuedAt: iat,
            ...(exp === undefined ? {} : { expiresAt: exp }),
          })),
        }),
  };
}

/** Tokens of the roles of a project. */
export function roleTokens(spec: JsonObject, role: string): readonly AccountToken[] {
  const found = listOf(spec.roles)
    .map(objectOf)
    .find(({ name }) => name === role);
  return tokensIn(JSON.stringify(found?.jwtTokens ?? []));
}
