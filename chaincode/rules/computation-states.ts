/** The life of a computation as one table, and the changes of state that all computation rules share. */
import { giveUseBack } from "./asset-uses.ts";
import { demand, found } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readComputation, readComputationOpened } from "./keys.ts";
import { giveCostBack } from "./privacy.ts";
import type { ComputationState, ComputationStateName } from "./records.ts";
import { written } from "./rule.ts";

export type ComputationEvent =
  | "keyset"
  | "maskset"
  | "close-1"
  | "counts"
  | "close-2"
  | "release"
  | "withhold"
  | "fail"
  /** A revoked agreement or cancelled request: stops a run only before close-2. */
  | "stop";

const PRE_CLOSE = { fail: "failed", stop: "failed" } as const;

type Row = Partial<Record<ComputationEvent, ComputationStateName>>;

/** `masked` leads to close-1 in counted mode only, and straight to close-2 in registry mode only. */
const MASKED: Readonly<Record<ComputationState["mode"], Row>> = Object.freeze({
  registry: { ...PRE_CLOSE, "close-2": "closed2", withhold: "withheld" },
  counted: { ...PRE_CLOSE, "close-1": "closed1" },
});

const TRANSITIONS: Readonly<Record<Exclude<ComputationStateName, "masked">, Row>> = Object.freeze({
  opened: { ...PRE_CLOSE, keyset: "keyed" },
  keyed: { ...PRE_CLOSE, maskset: "masked" },
  closed1: { ...PRE_CLOSE, counts: "counted" },
  counted: { ...PRE_CLOSE, "close-2": "closed2", withhold: "withheld" },
  closed2: { release: "released", withhold: "withheld", fail: "failed" },
  released: {},
  withheld: {},
  failed: {},
});

export function nextState(
  { state, mode }: ComputationState,
  event: ComputationEvent,
): ComputationStateName | undefined {
  return (state === "masked" ? MASKED[mode] : TRANSITIONS[state])[event];
}

/** The computation and the state that `event` leads to, or ERR_CONTRACT_STATE. */
export async function demandTransition(
  host: Host,
  id: string,
  event: ComputationEvent,
): Promise<{ readonly computation: ComputationState; readonly next: ComputationStateName }> {
  const computation = found(await readComputation(host.store, id), "computation", "computation");
  const next = nextState(computation, event);
  demand(
    next !== undefined,
    "ERR_CONTRACT_STATE",
    `computation: ${event} is not possible in state ${computation.state} (${computation.mode} mode)`,
    "computation",
  );
  return { computation, next };
}

export async function putState(host: Host, computation: ComputationState, state: ComputationStateName): Promise<void> {
  await host.store.put(keys.computation(computation.computation), { ...computation, state, changed: written(host) });
}

/** Ends a computation that has not closed its second phase; leaves every other one as it is. */
export async function failRunning(
  host: Host,
  computation: ComputationState,
  failure: NonNullable<ComputationState["failure"]>,
): Promise<void> {
  const next = nextState(computation, "stop");
  if (next === undefined) return;
  await putState(host, { ...computation, failure }, next);
  const opened = await readComputationOpened(host.store, computation.computation);
  for (const { asset } of opened?.body.cohort ?? []) await giveUseBack(host, asset, computation.computation);
  await giveCostBack(host, computation.computation);
}
