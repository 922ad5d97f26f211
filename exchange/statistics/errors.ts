/** Why a statistic cannot be compiled, computed or decoded. Messages name the field, what was wanted and what was got. */
export const STATISTICS_ERRORS = [
  "ERR_STATISTICS_QUERY",
  "ERR_STATISTICS_ELEMENT",
  "ERR_STATISTICS_UNIT",
  "ERR_STATISTICS_DOMAIN",
  "ERR_STATISTICS_PERIOD",
  "ERR_STATISTICS_OVERFLOW",
  "ERR_STATISTICS_SIZE",
  "ERR_STATISTICS_COHORT",
  "ERR_STATISTICS_ASSET",
  "ERR_STATISTICS_SOURCE",
  "ERR_STATISTICS_VECTOR",
] as const;

export class StatisticsError extends Error {
  override readonly name = "StatisticsError";
  readonly code: (typeof STATISTICS_ERRORS)[number];
  /** The measure, element, column or option at fault. */
  readonly field: string;

  constructor(code: (typeof STATISTICS_ERRORS)[number], field: string, message: string) {
    super(`${field}: ${message}`);
    this.code = code;
    this.field = field;
  }
}
