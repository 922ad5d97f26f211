/** One cosigning replica of the ledger benchmark: a process and a store of its own, as on a member's machine. */

import { publicKeyOf, testMember } from "../../ledger/conformance/fixture.ts";
import { openReplica } from "../../ledger/embedded/replica.ts";
import type { SequencerApi } from "../../ledger/embedded/sequencer-api.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { usageOf } from "./ledger-usage.ts";

const [location = "", network = "", member = "", sequencer = ""] = process.argv.slice(2);
const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
let calls = 0;

process.on("message", ({ id, text, error }: { id: number | "usage"; text?: string; error?: string }) => {
  if (id === "usage") return void process.send?.({ usage: usageOf() });
  const { resolve, reject } = waiting.get(id)!;
  waiting.delete(id);
  if (error === undefined) resolve((text === undefined ? undefined : JSON.parse(text)) as never);
  else reject(new Error(error));
});

const call =
  (method: keyof SequencerApi) =>
  (...values: readonly unknown[]): Promise<never> =>
    new Promise((resolve, reject) => {
      calls += 1;
      waiting.set(calls, { resolve, reject });
      // At the end the other side may be gone first.
      process.send?.({ id: calls, method, values }, undefined, {}, () => undefined);
    });

const ledger = await openReplica({
  store: await openLevelStore(location),
  network,
  identity: testMember(member, { cosigner: true }).identity,
  sequencer: {
    submit: call("submit"),
    batches: call("batches"),
    acknowledged: call("acknowledged"),
    cosign: call("cosign"),
    present: call("present"),
    consistencyProof: call("consistencyProof"),
  },
  pinnedSequencerKey: publicKeyOf(testMember(sequencer).identity),
  now: () => Date.now(),
});

process.on("disconnect", () => {
  void ledger.close().finally(() => process.exit());
});
