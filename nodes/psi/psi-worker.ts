/** A worker that masks items and points under one key of one run. */
import { parentPort, workerData } from "node:worker_threads";
import { PsiError, type PsiErrorCode } from "../../crypto/psi/errors.ts";
import { maskingOf } from "../../crypto/psi/masking.ts";
import { fastP256 } from "../../crypto/psi/openssl-p256.ts";

export interface PsiWorkerData {
  readonly key: Uint8Array;
  readonly run: Uint8Array;
}
export type PsiTask = { readonly items: readonly string[] } | { readonly points: Uint8Array };
export type PsiReply =
  | { readonly masked: Uint8Array<ArrayBuffer> }
  | { readonly refused: { readonly code: PsiErrorCode; readonly message: string } };

const { key, run } = workerData as PsiWorkerData;
const port = parentPort!;
const masking = maskingOf(key, run, await fastP256());

port.on("message", (task: PsiTask) => {
  try {
    const masked = "items" in task ? masking.maskItems(task.items) : masking.remask(task.points);
    reply({ masked: masked as Uint8Array<ArrayBuffer> }, [masked.buffer as ArrayBuffer]);
  } catch (error) {
    if (!(error instanceof PsiError)) throw error;
    reply({ refused: { code: error.code, message: error.message } });
  }
});

function reply(message: PsiReply, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
