/** What stands between the percent sign and the verb. */
export interface Flags {
  readonly plus: boolean;
  readonly minus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  /** `%+v` and `%#v`, where plus and sharp mean something else. */
  readonly plusV: boolean;
  readonly sharpV: boolean;
  readonly width?: number;
  readonly precision?: number;
}

export const noFlags: Flags = {
  plus: false,
  minus: false,
  sharp: false,
  space: false,
  zero: false,
  plusV: false,
  sharpV: false,
};

/** To the width, in characters. */
export function pad(text: string, { width, minus, zero }: Flags): string {
  if (width === undefined || width <= text.length / 2) return text;
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (minus) return text + " ".repeat(missing);
  return (zero ? "0" : " ").repeat(missing) + text;
}

export function padWithSpaces(text: string, flags: Flags): string {
  return pad(text, { ...flags, zero: false });
}
