/**
 * The transfers of both roles that are not over, by what may end them: a record of the ledger about their agreement,
 * asset or other participant, and the time at which their agreement runs out.
 */
import type { TransactionBody } from "../../chaincode/rules/transactions.ts";
import type { Role } from "../../exchange/protocol/vocabulary.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { isTransferOver, type Transfer } from "../../exchange/transfers/transfer.ts";
import type { LedgerEntry } from "../../ledger/port.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { RecordStore } from "../store/records.ts";
import { agreementUuid, type KeptAgreement } from "./agreements.ts";

export interface Subject {
  readonly kind: "agreement" | "asset" | "member";
  readonly id: string;
}

export interface OpenRelease {
  readonly agreement: string;
  /** Of this side. */
  readonly role: Role;
  readonly peer: string;
  /** Undefined where the agreement is not known. */
  readonly asset: string | undefined;
  /** Last instant of the agreement, UTC with Z. */
  readonly validUntil: string | undefined;
}

export interface OpenReleases {
  /** Call whenever a transfer has moved, and at a start. Resolves with what it has left, if it is over. */
  moved(kept: ProcessRecord<Transfer, TransferMessage>): Promise<"open" | "over" | "none">;
  get(pid: string): OpenRelease | undefined;
  /** Pids of those that a record about this may end. */
  concernedBy(subject: Subject): readonly string[];
  pids(): readonly string[];
  /** Agreements under which this side has something open as provider. */
  agreements(): ReadonlySet<string>;
  /** When everything is in that was told of before. */
  settled(): Promise<void>;
}

/** What a record of the ledger is about that may end releases; undefined: it ends none. */
export function subjectOf({ statement: { type, body } }: LedgerEntry["transaction"]): Subject | undefined {
  switch (type) {
    case "agreement.revoke":
      return { kind: "agreement", id: (body as TransactionBody<typeof type>).agreement };
    case "asset.withdraw":
    case "asset.register":
    case "policy.activate":
      return { kind: "asset", id: (body as TransactionBody<typeof type>).asset };
    case "member.suspend":
      return { kind: "member", id: (body as TransactionBody<typeof type>).member };
    case "vote.cast": {
      const { proposal, choice } = body as TransactionBody<typeof type>;
      return proposal.kind === "expel-member" && choice === "for" ? { kind: "member", id: proposal.member } : undefined;
    }
    default:
      return undefined;
  }
}

export function createOpenReleases(deps: {
  readonly member: string;
  readonly agreements: Pick<RecordStore<KeptAgreement>, "get">;
}): OpenReleases {
  const open = new Map<string, OpenRelease>();
  const pending = new Set<Promise<unknown>>();
  const oneAtATime = createKeyedLock();
  const where = (matches: (release: OpenRelease) => boolean): readonly string[] =>
    [...open].filter(([, release]) => matches(release)).map(([pid]) => pid);

  const provided = () => [...open.values()].filter(({ role }) => role === "provider");

  async function enter({
    pid,
    peer,
    side,
  }: ProcessRecord<Transfer, TransferMessage>): Promise<"open" | "over" | "none"> {
    const { role, document } = side;
    if (document === undefined) return "none";
    if (isTransferOver(document.state)) return open.delete(pid) ? "over" : "none";
    if (open.has(pid)) return "open";
    const agreement = agreementUuid(document.agreementId);
    const kept = (await deps.agreements.get(agreement))?.agreement;
    open.set(pid, {
      agreement,
      role,
      peer,
      asset: kept?.target,
      validUntil: kept?.["sealane:validUntil"],
    });
    return "open";
  }

  return Object.freeze({
    moved(kept: ProcessRecord<Transfer, TransferMessage>) {
      const moving = oneAtATime(kept.pid, () => enter(kept));
      const seen = moving.catch(() => undefined).finally(() => pending.delete(seen));
      pending.add(seen);
      return moving;
    },
    get: (pid: string) => open.get(pid),
    concernedBy(subject: Subject) {
      switch (subject.kind) {
        case "agreement":
          return where(({ agreement }) => agreement === subject.id);
        case "asset":
          return where(({ asset }) => asset === subject.id);
        case "member":
          return where(({ peer }) => subject.id === deps.member || peer === subject.id);
      }
    },
    pids: () => [...open.keys()],
    agreements: () => new Set(provided().map(({ agreement }) => agreement)),
    async settled() {
      await Promise.all(pending);
    },
  });
}
