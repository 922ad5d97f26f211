/**
 * Puts policies in force on their day, after as many persons have agreed as the configuration asks for. What is to happen
 * lies on disk before it happens, with the version it is to have, so that a start after a crash neither forgets an
 * activation nor repeats one.
 */

import { uuidOf } from "../../exchange/requests/record.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { AssetError } from "../runtime/assets/asset-error.ts";
import type { NodeServices } from "../runtime/services.ts";
import { type Activation, approved, dueAt, type FailedBecause, nextDue, proposed, withdrawn } from "./activation.ts";
import { ActivationError } from "./activation-error.ts";

const LOCK = "activations";
const PAUSE_MS = 60_000;
/** Of one asset, at the same time. */
const MAX_STANDING = 32;
/** A day that has begun may be named, whatever the time of day; an earlier one is a slip of the pen. */
const DAY_MS = 86_400_000;

export interface ShownActivation {
  readonly activation: Activation;
  readonly policy: Policy | undefined;
}

export interface Activations {
  /** `from`: UTC with Z; absent: now. The same policy for the same instant is answered, not doubled. */
  propose(
    asset: string,
    policy: unknown,
    given: { readonly from?: string; readonly by: string },
  ): Promise<ShownActivation>;
  approve(id: string, by: string): Promise<ShownActivation>;
  withdraw(id: string, by: string, reason: string): Promise<ShownActivation>;
  show(id: string): Promise<ShownActivation>;
  /** Standing ones first, the next to take effect before all others. */
  list(): Promise<readonly Activation[]>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

type Deps = Pick<NodeServices, "assets" | "openStore" | "config" | "now" | "alarm" | "log">;

export function createActivations({ assets, openStore, config, now, alarm, log }: Deps): Activations {
  const store = openStore<Activation>("policy-activations");
  const lock = createKeyedLock();
  let callOff: () => void = () => undefined;
  let isStopped = false;

  async function all(): Promise<readonly Activation[]> {
    const found: Activation[] = [];
    for await (const [, one] of store.entries()) found.push(one);
    return found;
  }
  async function known(id: string): Promise<Activation> {
    const found = await store.get(id);
    if (found !== undefined) return found;
    throw new ActivationError("ERR_ACTIVATION_UNKNOWN", `activation ${id}: not known to this node`);
  }
  const keep = async (activation: Activation): Promise<Activation> => {
    await store.put(activation.id, activation);
    return activation;
  };
  const shown = async (activation: Activation): Promise<ShownActivation> => ({
    activation,
    policy: await assets.keptPolicy(activation.asset, activation.policyDigest),
  });

  async function takeEffect(activation: Activation): Promise<Activation> {
    const { asset, policyDigest } = activation;
    const fail = (problem: FailedBecause) => keep({ ...activation, state: "failed", endedAt: now(), problem });
    const own = await assets.find(asset);
    if (own === undefined || own.state === "withdrawn") return await fail("asset-not-active");
    const policy = await assets.keptPolicy(asset, policyDigest);
    if (policy === undefined || !parsePolicy(policy).ok) return await fail("policy-not-understood");
    const isRepeat = activation.state === "activating";
    const version = isRepeat ? activation.version : own.policyVersion + 1;
    if (!isRepeat && own.policyDigest === policyDigest) {
      return await keep({ ...activation, state: "active", version: own.policyVersion, endedAt: now() });
    }
    await keep({ ...activation, state: "activating", version });
    const approvedBy = activation.approvals.map(({ by }) => by);
    const state = await assets.activate(asset, policyDigest, version, approvedBy);
    return await keep({ ...activation, state, version, endedAt: now() });
  }

  /** Everything that is due, and the alarm for what is next. One that cannot be recorded now holds back the later ones. */
  async function settle(): Promise<void> {
    callOff();
    if (isStopped) return;
    try {
      for (const one of dueAt(await all(), now())) await takeEffect(one);
      const due = nextDue(await all());
      if (due !== undefined) wakeAt(due);
    } catch (error) {
      log.warn({ err: error }, "policies: what is due is not in force yet; trying again");
      wakeAt(Date.parse(now()) + PAUSE_MS);
    }
  }
  function wakeAt(due: number): void {
    if (!isStopped) callOff = alarm(due, () => void lock(LOCK, settle));
  }
  /** A change, and what follows from it at once; answers with what has become of it. */
  const changing = (change: () => Promise<Activation>): Promise<ShownActivation> =>
    lock(LOCK, async () => {
      const { id } = await change();
      await settle();
      return await shown(await known(id));
    });

  async function propose(asset: string, value: unknown, given: { readonly from?: string; readonly by: string }) {
    const { persons } = config().policies;
    if (persons > 1 && (config().stewards ?? []).length === 0) {
      throw new ActivationError("ERR_ACTIVATION_NO_STEWARDS", "policies.persons: nobody is named under stewards");
    }
    const at = now();
    const from = given.from ?? at;
    refuseBadDate(value, from, at);
    const standing = (await all()).filter((one) => one.asset === asset && isStanding(one));
    const policyDigest = await assets.judgePolicy(asset, value);
    const same = standing.find((one) => one.policyDigest === policyDigest && one.from === from);
    if (same !== undefined) return same;
    if (standing.length >= MAX_STANDING) {
      throw new ActivationError("ERR_ACTIVATION_TOO_MANY", `${asset}: ${standing.length} policies wait already`);
    }
    await assets.keepPolicy(asset, value);
    const id = uuidOf({ activation: asset, policyDigest, from, at });
    return await keep(proposed({ id, asset, policyDigest, from, persons }, given.by, at));
  }

  return Object.freeze({
    propose: (asset: string, value: unknown, given: { readonly from?: string; readonly by: string }) =>
      changing(() => propose(asset, value, given)),
    approve: (id: string, by: string) =>
      changing(async () => {
        const next = approved(await known(id), by, now());
        if (next === "same-person") {
          throw new ActivationError(
            "ERR_ACTIVATION_SAME_PERSON",
            `activation ${id}: ${by} has approved; another person must`,
          );
        }
        if (next === "enough-persons") {
          throw new ActivationError("ERR_ACTIVATION_ENOUGH", `activation ${id}: enough persons have approved`);
        }
        return await keep(refuseOver(id, next));
      }),
    withdraw: (id: string, by: string, reason: string) =>
      changing(async () => await keep(refuseOver(id, withdrawn(await known(id), by, now(), reason)))),
    show: async (id: string) => await shown(await known(id)),
    async list() {
      return (await all()).toSorted(
        (a, b) => Number(isStanding(b)) - Number(isStanding(a)) || Date.parse(a.from) - Date.parse(b.from),
      );
    },
    start: () => lock(LOCK, settle),
    async stop() {
      isStopped = true;
      callOff();
      await lock(LOCK, async () => undefined);
    },
  });
}

const isStanding = ({ state }: Activation): boolean =>
  state === "waiting" || state === "scheduled" || state === "activating";

function refuseOver(id: string, next: Activation | "activation-over"): Activation {
  if (next !== "activation-over") return next;
  throw new ActivationError("ERR_ACTIVATION_OVER", `activation ${id}: nothing waits here any more`);
}

/** A day that does not exist, one that is over, or one on which the policy has ended already. */
function refuseBadDate(value: unknown, from: string, at: string): void {
  const parsed = parsePolicy(value);
  const until = parsed.ok ? parsed.terms.validUntil : undefined;
  const isBad = Number.isNaN(Date.parse(from));
  if (Date.parse(from) < Date.parse(at) - DAY_MS) {
    const past = { field: "from", code: "activation-past", parameters: { from, at } } as const;
    throw new AssetError("ERR_ASSET_POLICY_INVALID", `from: ${from} is over`, [past]);
  }
  if (!isBad && (until === undefined || Date.parse(from) <= Date.parse(until))) return;
  const problem = isBad
    ? ({ field: "from", code: "form-instant" } as const)
    : ({ field: "from", code: "validity-empty", parameters: { from, until: until ?? "" } } as const);
  throw new AssetError("ERR_ASSET_POLICY_INVALID", `from: ${from} is no day of this policy`, [problem]);
}
