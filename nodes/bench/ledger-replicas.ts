/** Replicas in processes of their own; what they ask of the sequencer travels as JSON, group commits written once. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestMember } from "../../ledger/conformance/fixture.ts";
import type { LogBatch, SequencerApi } from "../../ledger/embedded/sequencer-api.ts";
import { siblingPath } from "../boot/sibling.ts";
import { createBatchTexts } from "../peer/batch-texts.ts";
import type { Usage } from "./ledger-usage.ts";

export interface Replicas {
  /** Of each process, now. */
  readonly usage: () => Promise<readonly Usage[]>;
  readonly stop: () => Promise<void>;
}

export function startReplicas(options: {
  readonly folder: string;
  readonly network: string;
  readonly sequencer: string;
  readonly api: SequencerApi;
  readonly members: readonly TestMember[];
}): Replicas {
  const batchTexts = createBatchTexts();
  const children = options.members.map(({ id }) => {
    const words = [join(options.folder, id), options.network, id, options.sequencer];
    const child = fork(siblingPath(import.meta.url, "./ledger-replica-child"), words, {
      stdio: "inherit",
      // Texts pass as they are.
      serialization: "advanced",
    });
    serve(child, options.api, batchTexts);
    return child;
  });
  return {
    usage: () =>
      Promise.all(
        children.map(
          (child) =>
            new Promise<Usage>((resolve) => {
              const hear = (message: { usage?: Usage }) => {
                if (message.usage === undefined) return;
                child.off("message", hear);
                resolve(message.usage);
              };
              child.on("message", hear);
              child.send({ id: "usage" });
            }),
        ),
      ),
    async stop() {
      await Promise.all(
        children.map(async (child) => {
          const gone = child.exitCode === null ? once(child, "exit") : undefined;
          if (child.connected) child.disconnect();
          await gone;
        }),
      );
    },
  };
}

function serve(child: ChildProcess, api: SequencerApi, batchTexts: ReturnType<typeof createBatchTexts>): void {
  const textOf = (method: keyof SequencerApi, value: unknown): string | undefined =>
    method === "batches" ? batchTexts(value as readonly LogBatch[]) : JSON.stringify(value);
  child.on(
    "message",
    ({ id, method, values }: { id: number; method?: keyof SequencerApi; values: readonly never[] }) => {
      if (method === undefined) return;
      const answer = (reply: object) => {
        if (child.connected) child.send({ id, ...reply });
      };
      const handler = api[method] as (...given: readonly never[]) => Promise<unknown>;
      handler(...values).then(
        (value) => answer({ text: textOf(method, value) }),
        (error: Error) => answer({ error: error.message }),
      );
    },
  );
}
