/** What a check of `npm run check` says: one finding per wrong place. */

export interface Finding {
  /** Path relative to the repository, with `:line` where one line is to blame. */
  readonly where: string;
  readonly what: string;
}

export interface CheckResult {
  readonly findings: readonly Finding[];
  /** One line for the person who reads a green run, for example "214 files". */
  readonly summary: string;
}

/** `root` is the absolute path of the repository. */
export type Check = (root: string) => Promise<CheckResult>;

/** 1-based line of a character offset. */
export const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;
