import { expectList } from "../compiler/combine.ts";
import { eachPath, type Filter, identity, many, one, type Path, traced } from "../compiler/filter.ts";
import { fetchField } from "../values/fetch.ts";
import { add } from "../values/operators.ts";
import { getPath, Update } from "../values/update.ts";
import { fieldOf, isList, isObject, sortedKeys, type Value } from "../values/values.ts";
import { lengthOf } from "./collections.ts";

export function paths(filter: Filter): Filter {
  return many((env, input, emit) =>
    eachPath(filter, env, input, (keys) => {
      if (keys.length > 0) emit(keys);
    }),
  );
}

export function del([filter = identity]: readonly Filter[]): Filter {
  return one((env, input) => {
    const found: Value[] = [];
    eachPath(filter, env, input, (keys) => {
      found.push(keys);
    });
    return new Update(env.work).delete(input, found);
  });
}

export function pick([filter = identity]: readonly Filter[]): Filter {
  return one((env, input) => {
    const update = new Update(env.work);
    let result: Value = null;
    eachPath(filter, env, input, (keys) => {
      result = update.set(result, keys, getPath(input, keys, env.work));
    });
    return result;
  });
}

export function getPathOf([keys = identity]: readonly Filter[]): Filter {
  const { get } = keys;
  return traced(
    get &&
      ((env, input) => {
        const path = get(env, input);
        return path === undefined ? undefined : getPath(input, path, env.work);
      }),
    (env, input, emit) => keys.run(env, input, (path) => emit(getPath(input, path, env.work))),
    (env, input, path, emit) =>
      keys.run(env, input, (given) => {
        const value = getPath(input, given, env.work);
        path.check(input);
        emit(
          value,
          expectList(given).reduce<Path>((reached, key) => reached.to(key, value), path),
        );
      }),
  );
}

/** `tostream`: each leaf with its path, and an end behind what has items. */
export const toStream: Filter = many((env, input, emit) => {
  const walkThrough = (value: Value, path: readonly Value[]): void => {
    env.work.call(path.length);
    env.work.items(path.length);
    let last: Value | undefined;
    for (const [key, item] of entriesOf(value)) {
      walkThrough(item, [...path, key]);
      last = key;
    }
    emit(last === undefined ? [path, value] : [[...path, last]]);
  };
  walkThrough(input, []);
});

function entriesOf(value: Value): readonly (readonly [key: Value, item: Value])[] {
  if (isList(value)) return value.map((item, at) => [at, item]);
  return isObject(value) ? sortedKeys(value).map((key) => [key, fieldOf(value, key)]) : [];
}

/** `fromstream(source)`: values of what `tostream` gave. */
export function fromStream([source = identity]: readonly Filter[]): Filter {
  return many((env, input, emit) => {
    let held: Value = null;
    source.run(env, input, (event) => {
      env.work.spend(1);
      const [path = null, leaf = null] = event === null ? [] : expectList(event);
      const isLeaf = lengthOf(event, env.work) === 2;
      if (isLeaf) held = new Update(env.work).set(held, add(["v"], path, env.work), leaf);
      if (lengthOf(path, env.work) !== (isLeaf ? 0 : 1)) return;
      const value = fetchField(held, "v");
      held = null;
      emit(value);
    });
  });
}
