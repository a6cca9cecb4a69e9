interface Replaceable {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly spec?: unknown;
}

/** `current` with spec, labels, annotations and finalizers of `wanted`: what an update through the API may change. */
export function replaced<T extends Replaceable>(current: T, wanted: Replaceable): T {
  const { labels = {}, annotations = {}, finalizers = [] } = wanted.metadata;
  return { ...current, spec: wanted.spec, metadata: { ...current.metadata, labels, annotations, finalizers } };
}
