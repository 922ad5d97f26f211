/** Every replica's records, read through the nodes' own interfaces as they grow and compared record by record. */
import { createHash } from "node:crypto";
import type { TransactionBody } from "../../ledger/port.ts";
import { type Address, call, insist, until } from "./client.ts";

interface Entry {
  readonly position: number;
  readonly time: string;
  readonly transaction: {
    readonly signer: string;
    readonly statement: { readonly type: string; readonly body: unknown };
  };
}
interface Status {
  readonly height: number;
  readonly root: string;
  readonly outbox: number;
}

export interface LedgerWatch {
  /** Reads what one replica has more than was compared so far, for `survivors`. */
  readAt(member: string): Promise<void>;
  /** Waits until all replicas stand at the same height, then compares what is new. Returns what is wrong. */
  compare(limitMs: number): Promise<string[]>;
  height(): number;
  /** Whether a request's submission is among the records that every replica has. */
  hasRequest(request: string): boolean;
  /** Members of the latest close of phase 2 of a computation. */
  survivors(computation: string): readonly string[];
  /** Digests of the answers to encrypted queries under an agreement, in the order of their records, each with its figures. */
  answers(agreement: string): readonly { readonly number: number; readonly figures: number; readonly answer: string }[];
  /** What the computations with noise have cost of which anything was opened, or still may be. */
  noiseCost(): number;
}

const PAGE = 500;
const CALL_MS = 30_000;

export function createLedgerWatch(addresses: ReadonlyMap<string, Address>): LedgerWatch {
  const digests: string[] = [];
  const requests = new Set<string>();
  const survivors = new Map<string, readonly string[]>();
  const answers: TransactionBody<"query.answer">[] = [];
  /** By computation. */
  const costs = new Map<string, number>();

  const statusOf = (member: string) => call<Status>(addresses.get(member)!, "GET", "/ledger/status");

  function keep({ transaction }: Entry): void {
    const { type, body } = transaction.statement;
    if (type === "request.submit") requests.add((body as TransactionBody<"request.submit">).request);
    if (type === "computation.open") {
      const { computation, privacy } = body as TransactionBody<"computation.open">;
      if (privacy !== undefined) costs.set(computation, privacy.cost);
    }
    if (type === "query.answer") answers.push(body as TransactionBody<"query.answer">);
    if (type === "computation.fail") {
      const { computation } = body as TransactionBody<"computation.fail">;
      if (!survivors.has(computation)) costs.delete(computation);
    }
    if (type !== "computation.close") return;
    const { phase, computation, headers } = body as TransactionBody<"computation.close">;
    if (phase === 2) survivors.set(computation, headers.map(({ signer }) => signer).sort());
  }

  async function newEntries(member: string, from: number, to: number): Promise<Entry[]> {
    const found: Entry[] = [];
    while (from + found.length < to) {
      const path = `/ledger/entries?from=${from + found.length}&limit=${Math.min(PAGE, to - from - found.length)}`;
      const { entries } = await insist(() => call<{ entries: Entry[] }>(addresses.get(member)!, "GET", path), CALL_MS);
      if (entries.length === 0) break;
      found.push(...entries);
    }
    return found;
  }

  return Object.freeze({
    async readAt(member: string) {
      const { height } = await insist(() => statusOf(member), CALL_MS);
      for (const entry of await newEntries(member, digests.length, height)) keep(entry);
    },
    async compare(limitMs: number) {
      const members = [...addresses.keys()];
      const agreed = { height: 0, root: "" };
      await until(async () => {
        const all = await Promise.all(members.map(statusOf));
        const waiting = all.findIndex(({ outbox }) => outbox > 0);
        if (waiting >= 0) return `${members[waiting]} has ${all[waiting]!.outbox} transactions in its outbox`;
        const [first] = all;
        Object.assign(agreed, first);
        const other = all.findIndex(({ height, root }) => height !== first!.height || root !== first!.root);
        if (other < 0) return undefined;
        return `${members[0]} at ${first!.height} ${first!.root}, ${members[other]} at ${all[other]!.height} ${all[other]!.root}`;
      }, limitMs);
      const problems: string[] = [];
      const from = digests.length;
      if (agreed.height < from) return [`replicas stand at ${agreed.height}, ${from} records were there before`];
      for (const [index, member] of members.entries()) {
        const entries = await newEntries(member, from, agreed.height);
        if (entries.length < agreed.height - from)
          problems.push(`${member} lacks records after ${from + entries.length}`);
        for (const [at, entry] of entries.entries()) {
          const digest = createHash("sha256").update(JSON.stringify(entry)).digest("base64url");
          if (index === 0) {
            digests.push(digest);
            keep(entry);
          } else if (digests[from + at] !== digest) problems.push(`${member} has another record at ${from + at}`);
        }
      }
      return problems;
    },
    height: () => digests.length,
    hasRequest: (request: string) => requests.has(request),
    survivors: (computation: string) => survivors.get(computation) ?? [],
    answers: (agreement: string) => answers.filter((one) => one.agreement === agreement),
    noiseCost: () => [...costs.values()].reduce((sum, cost) => sum + cost, 0),
  });
}
