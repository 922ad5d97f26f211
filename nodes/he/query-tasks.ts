/** What goes between a node and the worker of one encrypted query: one task, one answer, and the worker ends. */
export type QueryTask =
  | { readonly kind: "encrypt"; readonly seed: Uint8Array; readonly lists: readonly (readonly bigint[])[] }
  | {
      readonly kind: "answer";
      readonly seed: Uint8Array;
      readonly publicKey: Uint8Array;
      readonly queries: readonly Uint8Array[];
      readonly cells: readonly bigint[];
    }
  | { readonly kind: "read"; readonly secretKey: Uint8Array; readonly answers: readonly Uint8Array[] };

export interface QueryAnswers {
  readonly encrypt: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array; readonly queries: Uint8Array[] };
  readonly answer: Uint8Array[];
  readonly read: bigint[];
}

export interface QueryWorkerData {
  readonly module: object;
  readonly maximumHeapBytes: number;
  readonly task: QueryTask;
}
