/**
 * The life of a data request: one table, driven only by ledger entries, so that every node that replays the ledger
 * sees the same state.
 *
 *   draft -> submitted -> [per asset: permit | refuse | wait] -> agreed -> opened -> [counted] -> computed
 *         -> released | withheld | failed | cancelled
 *
 * A review is part of the release record (its `reviewers`): until that record nothing has left the receiver.
 */
import type { LedgerEntry, TransactionBody, TransactionType } from "../../ledger/port.ts";
import { RequestError } from "./errors.ts";

/** What one provider said about one of its assets. */
export interface AssetDecision {
  readonly outcome: "pending" | "permit" | "refuse" | "wait";
  readonly reasons: readonly string[];
  readonly decidedBy?: string;
  readonly agreement?: {
    readonly id: string;
    readonly assetVersion: number;
    readonly validUntil: string;
    readonly revoked?: string;
  };
}

interface Submitted {
  readonly id: string;
  readonly requester: string;
  readonly receiver: string;
  readonly digest: string;
  readonly submittedAt: string;
  readonly assets: Readonly<Record<string, AssetDecision>>;
  /** Computations that failed before the present one. */
  readonly failures: readonly { readonly computation: string; readonly reason: string; readonly blamed?: string }[];
}
interface Running extends Submitted {
  readonly computation: string;
}

export type RequestLife =
  | { readonly name: "draft"; readonly id: string }
  | ({ readonly name: "submitted" | "agreed" } & Submitted)
  | ({ readonly name: "opened" | "counted" | "computed" } & Running)
  | ({
      readonly name: "released";
      readonly resultDigest: string;
      readonly rules: readonly string[];
      /** Who reviewed the release; empty when rules alone decided. */
      readonly reviewers: readonly string[];
      readonly withheldCells: number;
      readonly endedAt: string;
    } & Running)
  | ({ readonly name: "withheld"; readonly reasons: readonly string[]; readonly endedAt: string } & Running)
  | ({ readonly name: "failed"; readonly reason: string; readonly blamed?: string; readonly endedAt: string } & Running)
  | ({ readonly name: "cancelled"; readonly reason: string; readonly endedAt: string } & Submitted);

export type LifeName = RequestLife["name"];
type Of<N extends LifeName> = Extract<RequestLife, { name: N }>;

/** Ledger transactions that move a request, with their bodies. */
type Moves =
  | "request.submit"
  | "request.cancel"
  | "decision.record"
  | "agreement.conclude"
  | "agreement.revoke"
  | "computation.open"
  | "computation.counts"
  | "computation.close"
  | "computation.fail"
  | "result.release"
  | "result.withhold";
export type LifeEvent = {
  [T in Moves]: { readonly type: T; readonly signer: string; readonly time: string; readonly body: TransactionBody<T> };
}[Moves];
type Event<T extends Moves> = Extract<LifeEvent, { type: T }>;

/** Most computations one request may start: the first and three restarts (secure-aggregation.md section 5). */
export const MAX_RESTARTS = 3;

const settle = (life: Submitted): Of<"submitted" | "agreed"> => {
  const decisions = Object.values(life.assets);
  const settled = decisions.every((d) => d.outcome === "refuse" || (d.outcome === "permit" && d.agreement));
  const standing = decisions.some((d) => d.agreement !== undefined && d.agreement.revoked === undefined);
  return { ...life, name: settled && standing ? "agreed" : "submitted" };
};

const withAsset = <L extends Submitted>(life: L, asset: string, change: Partial<AssetDecision>): L => {
  const before = life.assets[asset];
  if (before === undefined) return life;
  return { ...life, assets: { ...life.assets, [asset]: { ...before, ...change } } };
};

const decide = (life: Submitted, { body }: Event<"decision.record">) =>
  settle(
    withAsset(life, body.asset, {
      outcome: body.outcome,
      reasons: body.reasons,
      ...(body.decidedBy === undefined ? {} : { decidedBy: body.decidedBy }),
    }),
  );
const conclude = (life: Submitted, { body }: Event<"agreement.conclude">) =>
  settle(
    withAsset(life, body.asset, {
      agreement: { id: body.agreement, assetVersion: body.assetVersion, validUntil: body.validUntil },
    }),
  );
const revoke = <L extends Submitted>(life: L, { body }: Event<"agreement.revoke">): L => {
  const found = Object.entries(life.assets).find(([, d]) => d.agreement?.id === body.agreement);
  if (found?.[1].agreement === undefined) return life;
  return withAsset(life, found[0], { agreement: { ...found[1].agreement, revoked: body.reason } });
};
const open = (life: Submitted, { body }: Event<"computation.open">): RequestLife => ({
  ...common(life),
  name: "opened",
  computation: body.computation,
});
const cancel = (life: Submitted, { body, time }: Event<"request.cancel">): RequestLife => ({
  ...common(life),
  name: "cancelled",
  reason: body.reason,
  endedAt: time,
});
const fail = (life: Running, { body, time }: Event<"computation.fail">): RequestLife => ({
  ...common(life),
  name: "failed",
  computation: body.computation,
  reason: body.reason,
  ...(body.blamed === undefined ? {} : { blamed: body.blamed }),
  endedAt: time,
  failures: [
    ...life.failures,
    {
      computation: body.computation,
      reason: body.reason,
      ...(body.blamed === undefined ? {} : { blamed: body.blamed }),
    },
  ],
});
const count = (life: Running): RequestLife => ({ ...life, name: "counted" }) as RequestLife;
const close = (life: Running, { body }: Event<"computation.close">): RequestLife =>
  (body.phase === 2 ? { ...life, name: "computed" } : life) as RequestLife;
const release = (life: Running, { body, time }: Event<"result.release">): RequestLife => ({
  ...common(life),
  name: "released",
  computation: body.computation,
  resultDigest: body.resultDigest,
  rules: body.rules,
  reviewers: body.reviewers,
  withheldCells: body.withheldCells,
  endedAt: time,
});
const withhold = (life: Running, { body, time }: Event<"result.withhold">): RequestLife => ({
  ...common(life),
  name: "withheld",
  computation: body.computation,
  reasons: body.reasons,
  endedAt: time,
});

function common(life: Submitted): Submitted {
  const { id, requester, receiver, digest, submittedAt, assets, failures } = life;
  return { id, requester, receiver, digest, submittedAt, assets, failures };
}

/** A state's moves; a transaction that is not listed is a fault of whoever ordered it. */
type Table = {
  readonly [N in LifeName]: { readonly [T in Moves]?: (life: Of<N>, event: Event<T>) => RequestLife };
};

const RUNNING = {
  "agreement.revoke": revoke,
  "request.cancel": cancel,
  "computation.fail": fail,
  "result.release": release,
  "result.withhold": withhold,
} as const;

const TABLE: Table = {
  draft: {
    "request.submit": (life, { body, signer, time }) => ({
      name: "submitted",
      id: life.id,
      requester: signer,
      receiver: body.receiver,
      digest: body.digest,
      submittedAt: time,
      assets: Object.fromEntries(body.assets.map((asset) => [asset, { outcome: "pending", reasons: [] }])),
      failures: [],
    }),
  },
  submitted: {
    "decision.record": decide,
    "agreement.conclude": conclude,
    "agreement.revoke": (life, event) => settle(revoke(life, event)),
    "computation.open": open,
    "request.cancel": cancel,
  },
  agreed: {
    "decision.record": decide,
    "agreement.conclude": conclude,
    "agreement.revoke": (life, event) => settle(revoke(life, event)),
    "computation.open": open,
    "request.cancel": cancel,
  },
  opened: {
    ...RUNNING,
    "decision.record": (life, { body }) =>
      withAsset(life, body.asset, { outcome: body.outcome, reasons: body.reasons }),
    "agreement.conclude": (life, { body }) =>
      withAsset(life, body.asset, {
        agreement: { id: body.agreement, assetVersion: body.assetVersion, validUntil: body.validUntil },
      }),
    "computation.counts": count,
    "computation.close": close,
  },
  counted: { ...RUNNING, "computation.close": close },
  computed: RUNNING,
  failed: {
    "agreement.revoke": revoke,
    "request.cancel": cancel,
    "computation.open": (life, event) =>
      life.failures.length <= MAX_RESTARTS && event.body.restartOf === life.computation ? open(life, event) : life,
  },
  released: { "agreement.revoke": revoke },
  withheld: { "agreement.revoke": revoke },
  cancelled: { "agreement.revoke": revoke },
};

export const allowedMoves = (name: LifeName): readonly string[] => Object.keys(TABLE[name]);

/** The next state. Throws ERR_REQUEST_TRANSITION when the table has no such move. */
export function step(life: RequestLife, event: LifeEvent): RequestLife {
  const moves = TABLE[life.name] as Readonly<Record<string, (life: RequestLife, event: LifeEvent) => RequestLife>>;
  const move = moves[event.type];
  if (move === undefined) {
    throw new RequestError(
      "ERR_REQUEST_TRANSITION",
      `request ${life.id}: ${event.type} is not allowed in state ${life.name}; allowed: ${Object.keys(moves).join(", ") || "nothing"}`,
    );
  }
  return move(life, event);
}

const MOVES: ReadonlySet<string> = new Set<TransactionType>([
  "request.submit",
  "request.cancel",
  "decision.record",
  "agreement.conclude",
  "agreement.revoke",
  "computation.open",
  "computation.counts",
  "computation.close",
  "computation.fail",
  "result.release",
  "result.withhold",
]);

/** The life event a ledger entry carries, or undefined when the entry moves no request. */
export function eventOf(entry: LedgerEntry): LifeEvent | undefined {
  const { type, body } = entry.transaction.statement;
  if (!MOVES.has(type)) return undefined;
  return { type, body, signer: entry.transaction.signer, time: entry.time } as LifeEvent;
}

/** Nobody gave an agreement, and nobody will. */
export const isRefusedByAll = (life: Submitted): boolean =>
  Object.values(life.assets).every(({ outcome }) => outcome === "refuse");

export const isOver = (life: RequestLife): boolean =>
  life.name === "released" || life.name === "withheld" || life.name === "cancelled" || life.name === "failed";
