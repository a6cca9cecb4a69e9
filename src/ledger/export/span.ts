/** What OpenTelemetry calls it; the numbers of its protocol. */
export const spanKinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type SpanKind = keyof typeof spanKinds;

export type AttributeValue = string | number | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Where something stands among the traces. */
export interface SpanPlace {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits: made of what caused it, so that a repeat after a crash is the same span. */
  readonly spanId: string;
  readonly parentId?: string;
  /** Whether who began the trace records it. */
  readonly isSampled: boolean;
}

/** Something that took its time. */
export interface Span extends SpanPlace {
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Other causes than the parent. */
  readonly links: readonly Pick<SpanPlace, "traceId" | "spanId">[];
  /** Why it failed; absent: it did not. */
  readonly error?: string;
}
