/**
 * Offers about records that wait for the provider's steward, and what was said on them. What waits lies on disk with its
 * deadline; a decision lies on disk before it goes to the ledger, and is the same one from then on. An agreement follows
 * from the ledger alone.
 */
import { readAsset, readReleaseDecision } from "../../chaincode/rules/keys.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { type Cause, causeOf } from "../../exchange/protocol/vocabulary.ts";
import { record } from "../../exchange/requests/record.ts";
import { termsOfPolicy } from "../../exchange/transfers/release-agreement.ts";
import {
  type AskedRecords,
  askedRecords,
  type ReleaseExplanation,
  releaseDecisionBody,
  releaseExplanation,
  type StewardWord,
} from "../../exchange/transfers/release-decision.ts";
import { LedgerError } from "../../ledger/port.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { RecordStore } from "../store/records.ts";
import type { JudgeOffer, OpenOffer } from "./offer-judge.ts";
import { TransferError, unknownTransfer } from "./transfer-error.ts";

/** Of one consumer: what a steward cannot look at all the same is refused at once. */
export const MOST_WAITING = 16;

/** Instants are UTC with Z. */
export interface Waiting extends AskedRecords {
  readonly since: string;
  /** Without a decision by then, the negotiation ends. */
  readonly until: string;
}

type Decided = Pick<ReleaseExplanation, "outcome" | "reasons">;
type Kept = ProcessRecord<Negotiation, NegotiationMessage>;

export interface ApprovalDeps
  extends Pick<NodeServices, "ledger" | "identity" | "network" | "member" | "now" | "random" | "alarm"> {
  readonly assets: Pick<NodeServices["assets"], "find">;
  readonly judge: JudgeOffer;
  /** By negotiation. */
  readonly waiting: RecordStore<Waiting>;
  /** By negotiation; they stay, because the ledger has only their digests. */
  readonly decisions: RecordStore<ReleaseExplanation>;
  /** How long a steward has, in milliseconds. */
  readonly waitMs: () => number;
  readonly negotiation: (pid: string) => Promise<Kept | undefined>;
  /** Asks a negotiation again what is said next. */
  readonly poke: (pid: string) => void;
}

export function createApprovals(deps: ApprovalDeps) {
  const { waiting, decisions, ledger, now } = deps;
  const oneAtATime = createKeyedLock();
  /** Of those that this run has seen waiting: what calls off the alarm. */
  const alarms = new Map<string, () => void>();

  async function isFull(consumer: string): Promise<boolean> {
    let count = 0;
    for await (const [, one] of waiting.entries()) if (one.consumer === consumer) count += 1;
    return count >= MOST_WAITING;
  }

  /** Why it cannot be what it was any more; undefined: it is. */
  async function changedSince({ asset, assetVersion, policyDigest }: AskedRecords): Promise<string | undefined> {
    const own = await deps.assets.find(asset);
    if (own?.state !== "registered") return "asset-withdrawn";
    if (own.asset.version !== assetVersion) return "asset-version-changed";
    const terms = own.policy === undefined ? undefined : termsOfPolicy(own.policy);
    return terms?.digest === policyDigest ? undefined : "policy-replaced";
  }

  const onLedger = (negotiation: string) => readReleaseDecision(ledger, deps.member, negotiation);

  /** Resolves once the ledger has the decision that lies on disk, if any does. What can never be recorded was not said. */
  async function recordMade(negotiation: string): Promise<void> {
    const made = await decisions.get(negotiation);
    if (made === undefined || (await onLedger(negotiation)) !== undefined) return;
    try {
      await record(deps, "release.decide", releaseDecisionBody(made), { negotiation });
    } catch (error) {
      if (error instanceof LedgerError && error.code === "ERR_LEDGER_REJECTED") await decisions.delete(negotiation);
      throw error;
    }
  }

  /** On disk. Throws TransferError, and has written nothing then. */
  async function made(asked: Waiting, word: StewardWord): Promise<ReleaseExplanation> {
    const { negotiation, asset, consumer } = asked;
    const document = (await deps.negotiation(negotiation))?.side.document;
    if (document?.state !== "REQUESTED") throw state("waits-no-more", "negotiation: it is over");
    if (isPast(asked.until)) throw state("approval-not-given", `negotiation: nobody decided by ${asked.until}`);
    const changed = await changedSince(asked);
    if (changed !== undefined) throw state(changed, "negotiation: what was asked for has changed; it ends by itself");
    const at = now();
    const verdict = await deps.judge(consumer, document.offer, () => ({ outcome: word.outcome, by: word.by, at }));
    const { decision } = verdict;
    if (decision === undefined || (word.outcome === "approved" && verdict.outcome !== "permit")) {
      const reason = verdict.outcome === "refuse" ? verdict.code : "approval-pending";
      throw new TransferError("ERR_TRANSFER_REFUSED", reason, `negotiation: the policy allows it no more: ${reason}`);
    }
    const { policyVersion = 0 } = (await readAsset(ledger, asset)) ?? {};
    const { reasons, verdicts } = decision;
    const outcome = word.outcome === "approved" ? "permit" : "refuse";
    const explanation = releaseExplanation(
      asked,
      word,
      { outcome, reasons, verdicts, policyVersion, at },
      deps.random(32),
    );
    await decisions.put(negotiation, explanation);
    return explanation;
  }

  /** What was decided before; throws where the word is another one. */
  function same<D extends Decided>(before: D, { outcome }: StewardWord): D {
    if ((before.outcome === "permit") === (outcome === "approved")) return before;
    throw state("decision-stands", `outcome: ${before.outcome} was decided before`, "outcome");
  }

  const isPast = (until: string): boolean => Date.parse(now()) >= Date.parse(until);

  const place = (kept: Kept, { terms, asset, declaration }: OpenOffer): Promise<Waiting | undefined> =>
    oneAtATime(`of ${kept.peer}`, async () => {
      const known = await waiting.get(kept.pid);
      if (known !== undefined) return known;
      if (await isFull(kept.peer)) return undefined;
      const since = kept.history?.at(-1)?.at ?? now();
      const until = Math.min(Date.parse(since) + deps.waitMs(), Date.parse(terms.validUntil));
      const about = { negotiation: kept.pid, consumer: kept.peer, asset, terms, declared: declaration };
      const asked = { ...askedRecords(about), since, until: new Date(until).toISOString() };
      await waiting.put(kept.pid, asked);
      return asked;
    });

  const isAsked = async (pid: string): Promise<boolean> =>
    (await deps.negotiation(pid))?.side.document?.state === "REQUESTED";

  /** Of what lies before the steward. What has ended it before it was watched found nothing to take off the desk. */
  async function watch({ negotiation, until }: Waiting): Promise<void> {
    if (alarms.has(negotiation)) return;
    alarms.set(
      negotiation,
      deps.alarm(Date.parse(until), () => deps.poke(negotiation)),
    );
    if (!(await isAsked(negotiation))) await forget(negotiation);
  }

  async function forget(pid: string): Promise<void> {
    alarms.get(pid)?.();
    alarms.delete(pid);
    await waiting.delete(pid);
  }

  return Object.freeze({
    isFull,
    onLedger,
    explanation: (negotiation: string) => decisions.get(negotiation),
    /** Brings the steward's word to the ledger. Why the negotiation ends, where what it was about has changed since. */
    async settled(pid: string): Promise<Cause | undefined> {
      const asked = await waiting.get(pid);
      if (asked === undefined) return undefined;
      await watch(asked);
      const changed = await changedSince(asked);
      if (changed !== undefined) return causeOf(changed);
      await oneAtATime(pid, () => recordMade(pid));
      return undefined;
    },
    /** The offer waits from now on, or still does. Why it cannot any more; undefined: it waits. */
    async waits(kept: Kept, offer: OpenOffer): Promise<Cause | undefined> {
      const asked = await place(kept, offer);
      if (asked === undefined) return causeOf(TOO_MANY.code, TOO_MANY.detail);
      await watch(asked);
      return isPast(asked.until) ? causeOf("approval-not-given", `nobody decided by ${asked.until}`) : undefined;
    },
    /** What lies before the steward, the oldest first. `decided`: said, and not on the ledger yet. */
    async list(): Promise<readonly (Waiting & { readonly decided?: ReleaseExplanation["outcome"] })[]> {
      const found = [];
      for await (const [pid, one] of waiting.entries()) {
        const said = await decisions.get(pid);
        found.push({ ...one, ...(said === undefined ? {} : { decided: said.outcome }) });
      }
      return found.sort((a, b) => Date.parse(a.since) - Date.parse(b.since));
    },
    /** The steward's word; the same one again is answered again. Throws TransferError, LedgerError. */
    async decide(negotiation: string, word: StewardWord): Promise<Decided> {
      try {
        return await oneAtATime(negotiation, async () => {
          const recorded = await onLedger(negotiation);
          if (recorded !== undefined) return same(recorded.decision, word);
          const asked = await waiting.get(negotiation);
          if (asked === undefined) throw await unknownTo(deps, negotiation);
          const known = await decisions.get(negotiation);
          const said = known === undefined ? await made(asked, word) : same(known, word);
          await recordMade(negotiation);
          return said;
        });
      } finally {
        if (alarms.has(negotiation)) deps.poke(negotiation);
      }
    },
    /** A negotiation has moved: what waits no more is off the steward's desk. */
    async moved({ pid, side }: Kept): Promise<void> {
      if (alarms.has(pid) && side.document?.state !== "REQUESTED") await forget(pid);
    },
    /** What a record of the ledger may have ended. */
    wake(): void {
      for (const pid of alarms.keys()) deps.poke(pid);
    },
    async start(): Promise<void> {
      for await (const [pid] of waiting.entries()) {
        if (!(await isAsked(pid))) await forget(pid);
      }
    },
    stop(): void {
      for (const callOff of alarms.values()) callOff();
      alarms.clear();
    },
  });
}

export type Approvals = ReturnType<typeof createApprovals>;

export const TOO_MANY = Object.freeze({
  code: "too-many-approvals",
  detail: `offer: ${MOST_WAITING} offers of this participant wait for the provider's steward: wait until one is decided on`,
});

const state = (reason: string, detail: string, field = "negotiation"): TransferError =>
  new TransferError("ERR_TRANSFER_STATE", reason, detail, { field });

/** Whoever asks for records has no word on them. */
async function unknownTo(deps: Pick<ApprovalDeps, "negotiation">, negotiation: string): Promise<TransferError> {
  const side = (await deps.negotiation(negotiation))?.side;
  if (side?.role !== "consumer") return unknownTransfer();
  const detail = "negotiation: only the provider's steward decides";
  return new TransferError("ERR_TRANSFER_REFUSED", "not-its-provider", detail, { field: "negotiation" });
}
