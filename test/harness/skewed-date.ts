/** Loaded with `--import`: a process whose clock is `TIPHYS_TEST_SKEW_MS` ahead. */
const skewMs = Number(process.env.TIPHYS_TEST_SKEW_MS ?? 0);
const RealDate = Date;

function now(): number {
  return RealDate.now() + skewMs;
}

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given: unknown[], newTarget) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
});
