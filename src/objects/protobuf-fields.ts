import data from "./kubernetes-protobuf.json" with { type: "json" };

/**
 * The numbers of fields in Kubernetes' protobuf, by struct: the name in JSON, with `*` behind it where zero says something
 * (a pointer in Go), or `+` and the struct whose fields are the parent's in JSON.
 */
export const fieldNumbers: Readonly<Record<string, Readonly<Record<string, string>>>> = data.numbers as Readonly<
  Record<string, Readonly<Record<string, string>>>
>;
