/** Resuming a delivery (RFC 9110 sections 13 and 14): which bytes, of which delivery, under one entity tag. */

/** One delivery of one version of the records: `"<delivery>.<digest of all bytes>"`. */
export const entityTagOf = (delivery: string, digest: string): string => `"${delivery}.${digest}"`;

const TAG = /^"([0-9a-f-]{36})\.([A-Za-z0-9_-]{43})"$/;

export interface EntityTag {
  readonly delivery: string;
  readonly digest: string;
}

export function readEntityTag(text: string | undefined): EntityTag | undefined {
  const [, delivery, digest] = TAG.exec(text?.trim() ?? "") ?? [];
  return delivery === undefined || digest === undefined ? undefined : { delivery, digest };
}

/** First byte of `bytes=N-`, the one form that a resumption needs; undefined: everything is asked for. */
export function rangeStart(range: string | undefined): number | undefined {
  const [, first] = /^bytes=(\d{1,15})-$/.exec(range?.trim() ?? "") ?? [];
  return first === undefined ? undefined : Number(first);
}
