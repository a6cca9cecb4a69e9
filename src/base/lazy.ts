/**
 * The exports of a CommonJS package that was imported when it was needed: `commonJs(await import("x"))`. Node.js offers
 * them by name too, but the published bundle only as `default`.
 */
export function commonJs<T extends object>(loaded: T): T {
  return "default" in loaded && typeof loaded.default === "object" && loaded.default !== null
    ? (loaded.default as T)
    : loaded;
}
