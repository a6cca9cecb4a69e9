/** One line of `kubectl`, and what it has to answer. */
export interface Command {
  readonly args: string;
  /** Arguments that hold spaces: instead of `args` split at spaces. */
  readonly list?: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 0. */
  readonly code?: number;
  readonly out?: string | RegExp;
  readonly error?: RegExp;
  /** Why a real server answers otherwise; it is then not asked. */
  readonly onlyHere?: string;
}
