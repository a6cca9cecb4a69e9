/** What a test found wrong. */
export interface TrialProblem {
  readonly message: string;
  /** Lines: `-` expected, `+` what came. */
  readonly diff?: readonly string[];
}
