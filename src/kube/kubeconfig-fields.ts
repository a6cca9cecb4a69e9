import { TerminalError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";

/** Reads the fields of one object of a kubeconfig; errors name file and field and never quote a value. */
export class KubeconfigFields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #file: string;
  /** `users "admin": user`, or empty at the top. */
  readonly #path: string;

  /** @throws TerminalError CONFIG_INVALID when `value` is no object */
  constructor(value: unknown, file: string, path = "") {
    this.#file = file;
    this.#path = path;
    this.#value = isJsonObject(value) ? value : this.fail("", "must be an object");
  }

  /** Undefined when it is absent or empty, as Go reads it. */
  text(name: string): string | undefined {
    const value = this.#value[name] ?? "";
    if (typeof value !== "string") return this.fail(name, "must be text (numbers and yes or no need quotes)");
    return value === "" ? undefined : value;
  }

  requiredText(name: string): string {
    return this.text(name) ?? this.fail(name, "is missing");
  }

  flag(name: string): boolean {
    const value = this.#value[name] ?? false;
    return typeof value === "boolean" ? value : this.fail(name, "must be true or false");
  }

  object(name: string): KubeconfigFields | undefined {
    const value = this.#value[name] ?? undefined;
    return value === undefined ? undefined : new KubeconfigFields(value, this.#file, this.#at(name));
  }

  list(name: string): KubeconfigFields[] {
    return this.#array(name).map((value, at) => new KubeconfigFields(value, this.#file, `${this.#at(name)}[${at}]`));
  }

  texts(name: string): string[] {
    return this.#array(name).map((value) =>
      typeof value === "string" ? value : this.fail(name, "must be a list of texts"),
    );
  }

  /** As it stands, for what is handed on. */
  raw(name: string): unknown {
    return this.#value[name];
  }

  has(name: string): boolean {
    const value = this.#value[name];
    return value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);
  }

  /** The object under `key` of the entry called `name` in the list `list`. */
  named(list: string, name: string, key: string): KubeconfigFields {
    const entries = this.list(list).filter((entry) => entry.text("name") === name);
    const [entry] = entries;
    if (entry === undefined) return this.fail(list, `there is no ${key} "${name}"; ${this.#known(list)}`);
    if (entries.length > 1) return this.fail(list, `there are several of the name "${name}"`);
    return new KubeconfigFields(entry.#value[key] ?? {}, this.#file, `${list} "${name}": ${key}`);
  }

  fail(name: string, problem: string): never {
    const field = name === "" ? this.#path : this.#at(name);
    throw new TerminalError(
      "CONFIG_INVALID",
      `kubeconfig "${this.#file}": ${field === "" ? "" : `${field} `}${problem}`,
    );
  }

  #at(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  #array(name: string): readonly unknown[] {
    const value = this.#value[name] ?? [];
    return Array.isArray(value) ? value : this.fail(name, "must be a list");
  }

  #known(list: string): string {
    const names = this.list(list).map((entry) => `"${entry.text("name") ?? ""}"`);
    if (names.length === 0) return "the list is empty";
    return `known: ${names.slice(0, maxShown).join(", ")}${names.length > maxShown ? ", …" : ""}`;
  }
}

/** Names that an error lists. */
const maxShown = 20;
