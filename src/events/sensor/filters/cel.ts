import { compileCel } from "../../../base/cel/cel.ts";
import { messageOf } from "../../../base/errors.ts";
import { shownValue } from "../../../record/records.ts";
import { type Filter, failed, passed, rejected } from "./outcome.ts";

/**
 * `cel`, ours: over `event`, which has the CloudEvent's attributes and `data`.
 * @throws TerminalError EXPRESSION_INVALID, since there is no original that would accept such a Sensor
 */
export function compileCelFilter(text: string, field: string): Filter {
  const expression = compileCel(text);
  return ({ extensions, ...attributes }) => {
    try {
      if (expression.test({ specversion: "1.0", ...extensions, ...attributes })) return passed;
      return rejected(field, () => `${field}: ${text} is false with data ${shownValue(attributes.data)}`);
    } catch (error) {
      const message = messageOf(error);
      return failed(field, () => `${field}: ${message}`);
    }
  };
}
