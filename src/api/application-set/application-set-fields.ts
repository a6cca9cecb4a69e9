import { list, object, open, text, texts, textsByName, whole } from "../application-fields.ts";

/** A label selector. The original leaves the operators to the generator, so that they are no enum. */
export const selectorSchema = object("Which are taken; absent or empty: all.", {
  matchLabels: textsByName("Keys and values that must be there."),
  matchExpressions: list(
    "Conditions; all must hold.",
    object(
      "One condition.",
      {
        key: text("The key."),
        operator: text("In, NotIn, Exists or DoesNotExist."),
        values: texts("For In and NotIn."),
      },
      ["key", "operator"],
    ),
  ),
});

export const secretRef = <const D extends string>(description: D) =>
  object(description, { secretName: text("A Secret in the ApplicationSet's namespace."), key: text("Its key.") }, [
    "secretName",
    "key",
  ]);

export const caRef = object(
  "The certificates that are trusted.",
  { configMapName: text("A ConfigMap in the ApplicationSet's namespace."), key: text("Its key.") },
  ["configMapName", "key"],
);

export const basicAuth = object(
  "A user and a password.",
  { username: text("The user."), passwordRef: secretRef("The password or token.") },
  ["username", "passwordRef"],
);

export const bearerToken = object("A token.", { tokenRef: secretRef("The token.") }, ["tokenRef"]);

export const values = textsByName("More parameters: values.<key>. Each may use the generator's own parameters.");

export const requeue = <const S extends number>(seconds: S) =>
  ({ ...whole("Seconds until it asks again."), default: seconds }) as const;

/** Its fields are those of `spec.template`, which a CRD cannot refer to: `application-set.ts` checks them. */
export const override = open("Wins over `spec.template`, field by field: fields as there.");
