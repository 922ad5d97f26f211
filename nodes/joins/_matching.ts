/** Test fixture: a matcher beside a ledger that has one run of a ministry and a provider. */
import { hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { MemoryState } from "../../chaincode/rules/_world.ts";
import { keys } from "../../chaincode/rules/keys.ts";
import { type SigningDomain, signStatement } from "../../crypto/suites/signed.ts";
import { testMember } from "../../ledger/conformance/fixture.ts";
import type { Context } from "../computations/context.ts";
import { bytesOf } from "./match-bytes.ts";
import { createMatching } from "./matching.ts";
import { PIECE_BYTES } from "./messages.ts";

export const RUN = "A".repeat(22);
export const coordinator = testMember("operator");
export type Matching = ReturnType<typeof createMatching>;

interface Sizes {
  readonly asker: number;
  readonly holder: number;
}

/** `dir`: of the node. `asker` and `holder`: items of their lists on the ledger. */
export async function matchingOf(
  dir: string,
  { operation = "statistics", runs = [RUN], ...sizes }: Sizes & { operation?: string; runs?: readonly string[] },
  ledger = new MemoryState(),
): Promise<Matching> {
  for (const run of runs) {
    const opened = { requester: "ministry", provider: "alpha", body: { operation, size: sizes.asker } };
    await ledger.put(keys.joinOpened(run), opened);
    await ledger.put(keys.joinCommitted(run), { body: { size: sizes.holder } });
  }
  const sign = (domain: SigningDomain, statement: unknown) => signStatement(coordinator.identity, domain, statement);
  const services = { ledger, dir, now: () => "2026-11-23T09:00:00.000Z", log: { warn() {} } };
  return createMatching({ services, sign } as unknown as Context);
}

export const digestOf = (bytes: Uint8Array): string => hash("sha256", bytes, "base64url");

interface Parts {
  readonly points: Uint8Array;
  readonly groups: Uint16Array;
  readonly words?: BigUint64Array;
}
export const broughtBytes = ({ points, groups, words = new BigUint64Array() }: Parts): Uint8Array =>
  new Uint8Array(Buffer.concat([points, bytesOf(groups), bytesOf(words)]));

export async function bring(matching: Matching, author: string, bytes: Uint8Array, run = RUN): Promise<void> {
  for (let index = 0; index * PIECE_BYTES < bytes.length; index++) {
    await matching.take(author, run, index, bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES));
  }
}

/** What the asker sees once it is over. */
export async function over(matching: Matching, run = RUN): Promise<ReturnType<Matching["view"]>> {
  for (;;) {
    const view = matching.view("ministry", run);
    if (view.matched !== undefined || view.refused !== undefined) return view;
    await sleep(5);
  }
}
