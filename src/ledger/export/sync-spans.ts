import type { SyncedObject, SyncRecord } from "../../record/records.ts";
import { spanIdFor } from "../../record/trace-context.ts";
import type { Attributes, Span, SpanPlace } from "./span.ts";

type TimedObject = SyncedObject & Required<Pick<SyncedObject, "startedAt">>;

/** The sync, below it its phases, below these their waves, and below those each hook and each object. */
export function syncSpans(record: SyncRecord, place: SpanPlace, links: Span["links"]): readonly Span[] {
  const { application, startedAt, at, phase, message } = record;
  const whole: Span = {
    ...place,
    name: `sync ${application.namespace}/${application.name}`,
    kind: "internal",
    startMs: startedAt,
    endMs: at,
    attributes: syncAttributes(record),
    links,
    ...(phase === "Succeeded" ? {} : { error: message }),
  };
  const timed = record.objects.filter((one): one is TimedObject => one.startedAt !== undefined);
  const phases = Map.groupBy(timed, (one) => one.phase ?? "Sync");
  return [whole, ...[...phases].flatMap(([name, objects]) => phaseSpans(name, objects, record, whole))];
}

function phaseSpans(name: string, objects: readonly TimedObject[], record: SyncRecord, parent: Span): readonly Span[] {
  const phase = groupSpan(`phase ${name}`, [record.key, name], objects, record, parent);
  const waves = Map.groupBy(objects, ({ wave = 0 }) => wave);
  return [
    phase,
    ...[...waves].flatMap(([number, ones]) => {
      const wave = groupSpan(`wave ${number}`, [record.key, name, String(number)], ones, record, phase);
      const numbered = { ...wave, attributes: { ...wave.attributes, "tiphys.sync.wave": number } };
      return [numbered, ...ones.map((one) => objectSpan(one, record, wave))];
    }),
  ];
}

function groupSpan(
  name: string,
  key: readonly string[],
  objects: readonly TimedObject[],
  record: SyncRecord,
  parent: Span,
): Span {
  const failed = objects.filter(hasFailed).length;
  return {
    ...childOf(parent, key),
    name,
    kind: "internal",
    startMs: Math.min(...objects.map(({ startedAt }) => startedAt)),
    endMs: Math.max(...objects.map((one) => endOf(one, record))),
    attributes: { ...applicationAttributes(record), "tiphys.sync.phase": key[1] ?? "" },
    links: [],
    ...(failed === 0 ? {} : { error: `${failed} of ${objects.length} failed` }),
  };
}

function objectSpan(one: TimedObject, record: SyncRecord, parent: Span): Span {
  const { object, status, phase = "Sync", hook, message } = one;
  const [name = "", namespace, kind = ""] = namesIn(object);
  const verb = hook !== undefined ? "hook" : status.startsWith("Prune") ? "prune" : "apply";
  const where = namespace === undefined ? "" : `${namespace}/`;
  return {
    ...childOf(parent, [record.key, phase, object]),
    name: `${verb} ${kind}/${where}${name}`,
    kind: "client",
    startMs: one.startedAt,
    endMs: endOf(one, record),
    attributes: {
      ...applicationAttributes(record),
      ...(namespace === undefined ? {} : { "k8s.namespace.name": namespace }),
      [`k8s.${kind.toLowerCase()}.name`]: name,
      "tiphys.sync.object": object,
      "tiphys.sync.status": status,
      ...(hook === undefined ? {} : { "tiphys.sync.hook": hook }),
    },
    links: [],
    ...(hasFailed(one) ? { error: message ?? status } : {}),
  };
}

/** Of `apiVersion/kind[/namespace]/name`: name, namespace, kind. */
function namesIn(object: string): readonly [name: string, namespace: string | undefined, kind: string] {
  const parts = object.split("/");
  const [kind = "", ...place] = parts.slice(parts[0] === "v1" ? 1 : 2);
  const [name = "", namespace] = place.toReversed();
  return [name, namespace, kind];
}

function childOf(parent: SpanPlace, key: readonly string[]): SpanPlace {
  const { traceId, spanId, isSampled } = parent;
  return { traceId, isSampled, parentId: spanId, spanId: spanIdFor(key.join("\n")) };
}

/** What the sync left running was over for it when it ended. */
function endOf({ startedAt, endedAt }: TimedObject, { at }: SyncRecord): number {
  return Math.max(startedAt, endedAt ?? at);
}

function hasFailed({ status, message }: SyncedObject): boolean {
  return status === "SyncFailed" || message !== undefined;
}

function applicationAttributes({ application, project }: SyncRecord): Attributes {
  return {
    "argocd.application.name": application.name,
    "argocd.application.namespace": application.namespace,
    ...(project === undefined ? {} : { "argocd.project.name": project }),
  };
}

function syncAttributes(record: SyncRecord): Attributes {
  const { id, destination = {}, revisions, sources = [], manifests, by, options, retries, supersededBy } = record;
  const [revision] = revisions;
  const [source] = sources;
  return {
    ...applicationAttributes(record),
    ...(destination.namespace === undefined ? {} : { "k8s.namespace.name": destination.namespace }),
    ...(destination.name === undefined ? {} : { "k8s.cluster.name": destination.name }),
    ...(destination.server === undefined ? {} : { "argocd.destination.server": destination.server }),
    ...(revision === undefined ? {} : { "vcs.ref.head.revision": revision }),
    ...(revisions.length > 1 ? { "tiphys.sync.revisions": revisions } : {}),
    ...(source === undefined ? {} : { "vcs.repository.url.full": source.repoURL }),
    ...(by === undefined ? {} : { "enduser.id": by }),
    ...(options === undefined ? {} : { "tiphys.sync.options": options }),
    ...(manifests === undefined ? {} : { "tiphys.sync.manifests": manifests }),
    ...(supersededBy === undefined ? {} : { "tiphys.sync.superseded_by": supersededBy }),
    "tiphys.sync.phase": record.phase,
    "tiphys.sync.retries": retries,
    "tiphys.sync.automated": by === undefined,
    "tiphys.record.id": id,
  };
}
