/**
 * What counts against the use limit of an own asset's policy: computations but for those that failed before close-2, and
 * answers to encrypted queries. The
 * agreements are read once after a start; from then on every record of the ledger is looked at once, and only what still
 * runs is asked for again: decisions are many, and each asks.
 */
import {
  keys,
  readAgreement,
  readAgreementUses,
  readComputation,
  type StateReader,
} from "../../chaincode/rules/keys.ts";
import type { ComputationState, QueryAnswered } from "../../chaincode/rules/records.ts";
import type { AgreementRecord } from "../../exchange/requests/agreement-record.ts";
import type { RecordStore } from "../../exchange/requests/ports.ts";
import type { Use } from "../../exchange/requests/simulate.ts";
import type { Ledger, TransactionBody } from "../../ledger/port.ts";

/** Store of AgreementRecord, by `agreementKey`. */
export const AGREED_TERMS = "agreed-terms";

export interface AssetUses {
  of(asset: string): Promise<number>;
}

/** Every use of the asset, from all its agreements: for a steward who asks, not for decisions. */
export async function usesOf(
  state: StateReader,
  agreements: Pick<RecordStore<AgreementRecord>, "entries">,
  asset: string,
): Promise<readonly Use[]> {
  const uses: Use[] = [];
  for await (const [, record] of agreements.entries()) {
    if (record.asset !== asset) continue;
    for (const computation of await readAgreementUses(state, record.agreement)) {
      if (endOf(computation)?.isUse !== false) uses.push({ agreement: record.agreement, at: computation.opened.time });
    }
  }
  return uses;
}

interface Counted {
  /** Of computations that have ended. */
  ended: number;
  readonly running: Set<string>;
}

export function createAssetUses(
  ledger: Pick<Ledger, "get" | "range" | "entries" | "status">,
  agreements: Pick<RecordStore<AgreementRecord>, "entries">,
): AssetUses {
  const byAsset = new Map<string, Counted>();
  let seen = 0;
  let counting: Promise<unknown> = Promise.resolve();

  async function look(): Promise<void> {
    const { height } = await ledger.status();
    if (byAsset.size > 0 && height > seen) {
      for await (const { transaction } of ledger.entries(seen, height - seen)) {
        const { type, body } = transaction.statement;
        if (type === "query.answer") {
          const { agreement } = body as TransactionBody<typeof type>;
          const counted = byAsset.get((await readAgreement(ledger, agreement))?.agreement.asset ?? "");
          if (counted !== undefined) counted.ended += 1;
        }
        if (type !== "computation.open") continue;
        const { computation, cohort } = body as TransactionBody<typeof type>;
        for (const { asset } of cohort) byAsset.get(asset)?.running.add(computation);
      }
    }
    seen = height;
  }

  /** What was opened before `seen`; the rest comes with the next look. */
  async function openedBefore(asset: string): Promise<Counted> {
    const running = new Set<string>();
    let answers = 0;
    for await (const [, record] of agreements.entries()) {
      const concluded = record.asset === asset ? await readAgreement(ledger, record.agreement) : undefined;
      if (concluded === undefined) continue;
      if (concluded.agreement.figures !== undefined) answers += await answeredBefore(record.agreement);
      for (const { computation, opened } of await readAgreementUses(ledger, record.agreement)) {
        if (opened.position < seen) running.add(computation);
      }
    }
    return { ended: answers, running };
  }

  async function answeredBefore(agreement: string): Promise<number> {
    let answers = 0;
    for await (const [, { position }] of ledger.range<QueryAnswered>(keys.queryAnswers(agreement))) {
      if (position < seen) answers += 1;
    }
    return answers;
  }

  async function settle(counted: Counted): Promise<void> {
    for (const computation of counted.running) {
      const end = endOf(await readComputation(ledger, computation));
      if (end === undefined) continue;
      counted.running.delete(computation);
      if (end.isUse) counted.ended += 1;
    }
  }

  async function count(asset: string): Promise<number> {
    await look();
    const counted = byAsset.get(asset) ?? (await openedBefore(asset));
    byAsset.set(asset, counted);
    await settle(counted);
    return counted.ended + counted.running.size;
  }

  return Object.freeze({
    of(asset: string) {
      const counted = counting.catch(() => undefined).then(() => count(asset));
      counting = counted;
      return counted;
    },
  });
}

function endOf(computation: ComputationState | undefined): { readonly isUse: boolean } | undefined {
  switch (computation?.state) {
    case "released":
    case "withheld":
      return { isUse: true };
    case "failed":
      return { isUse: computation.failure?.afterClose === true };
    default:
      return undefined;
  }
}
