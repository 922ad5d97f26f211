/** What both sides of a running join share: its keys, its folder, and its end. Nothing of it outlives the process. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { runText } from "../../crypto/psi/commitment.ts";
import { psiKey, RUN_BYTES } from "../../crypto/psi/masking.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import type { Context } from "../computations/context.ts";
import { openPsiWorkers, type PsiWorkers } from "../psi/psi-workers.ts";

const FOLDER = "joins";
/** Of a run, on either side, whatever the other one does. */
export const LIFE_MS = 6 * 3_600_000;

export interface LiveRun extends AsyncDisposable {
  readonly id: string;
  readonly run: Uint8Array;
  readonly workers: PsiWorkers;
  /** A path of its own in the folder of the run. */
  readonly place: (name: string) => string;
}

export const newRun = (ctx: Pick<Context, "services">): string => runText(ctx.services.random(RUN_BYTES));

/** Of one side of a run: `side` keeps the ends apart where one node is several of them in a test network. */
export const runFolder = ({ services }: Pick<Context, "services">, side: string, id: string): string =>
  join(services.dir, FOLDER, `${side}-${Buffer.from(fromBase64url(id, "run", RUN_BYTES)).toString("hex")}`);

export async function openLiveRun(ctx: Pick<Context, "services">, side: string, id: string): Promise<LiveRun> {
  const run = fromBase64url(id, "run", RUN_BYTES);
  const folder = runFolder(ctx, side, id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const workers = openPsiWorkers({ key: psiKey(ctx.services.random(48)), run });
  return Object.freeze({
    id,
    run,
    workers,
    place: (name: string) => join(folder, name),
    async [Symbol.asyncDispose]() {
      await workers[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  });
}

/** What runs of an earlier process left is masked under keys that nobody has. */
export async function removeOldRuns({ services }: Pick<Context, "services">): Promise<void> {
  await rm(join(services.dir, FOLDER), { recursive: true, force: true });
}
