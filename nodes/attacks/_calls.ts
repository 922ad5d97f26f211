/** What rules of a front see and say. */

export interface Call {
  /** Who signed it, unverified. */
  readonly from: string;
  readonly method: string;
  /** Path and query. A message over the ledger's connection is shown as the call that it stands for. */
  readonly path: string;
  readonly body: Buffer;
}
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** The connection after half of the body; or it never ends. */
  readonly breaks?: "off" | "never";
}
export const answerOf = (value: unknown, status = 200): Answer => ({
  status,
  body: Buffer.from(JSON.stringify(value)),
});
export const contentOf = <T>({ body }: { readonly body: Buffer }): T => JSON.parse(body.toString("utf8")) as T;
