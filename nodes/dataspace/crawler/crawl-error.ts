/** Why a member's catalogue could not be read to its end. */
export const CRAWL_ERRORS = [
  "unreachable",
  "too-slow",
  "too-large",
  "refused",
  "not-found",
  "not-json",
  "not-a-catalogue",
  /** A link that leads elsewhere, or back. */
  "link-elsewhere",
  "link-loop",
  /** More pages, or more time, than any member gets; or pages without anything new. */
  "endless",
  "stopped",
] as const;

export class CrawlError extends Error {
  override readonly name = "CrawlError";
  readonly code: (typeof CRAWL_ERRORS)[number];
  constructor(code: (typeof CRAWL_ERRORS)[number]) {
    super(code);
    this.code = code;
  }
}
