/**
 * One role of one computation on this node: its in-flight file, its runner, its timers. The state file is written
 * before anything it rests on leaves; it is unlinked when the role is over.
 */
import type { SecaggError } from "../../crypto/secagg/errors.ts";
import type { Send, Step } from "../../crypto/secagg/step.ts";
import { createRunner, isRefused } from "../../exchange/computations/runner.ts";
import type { Context, RoleName } from "./context.ts";

export interface HostedRole<Input> {
  readonly signal: AbortSignal;
  /** Throws SecaggError when the input is refused; anything else is a fault of this node. */
  feed(input: Input): Promise<void>;
  /** Feeds without waiting; a refused input is logged. */
  poke(input: Input): void;
  /** Work beside the steps; a failure is logged, never lost and never fatal. */
  background(work: () => Promise<void>): void;
  /** Steps with `tick` at this time (milliseconds since 1970). */
  wakeAt(at: number): void;
  /** The computation is over for this role: unlinks its secrets. */
  finish(): Promise<void>;
  /** The node stops; the role goes on from its file at the next start. */
  stop(): Promise<void>;
}

export interface RoleSpec<State, Input, Effect extends { readonly kind: string }> {
  readonly role: RoleName;
  readonly computation: string;
  /** Called when there is no in-flight file. */
  readonly start: () => State;
  readonly step: (state: State, input: Input) => Step<State, Effect>;
  readonly isFirst: (effect: Effect) => boolean;
  readonly mayBeLost?: (input: Input, taken: Step<State, Effect>) => boolean;
  /** What may be lost is saved all the same once nothing has come for so long. Without it, with the next other step. */
  readonly quietMs?: number;
  readonly send: (send: Send, role: HostedRole<Input>) => void;
  readonly perform: (effect: Effect, role: HostedRole<Input>) => Promise<void> | void;
}

/** What has expired is found out although nobody sends anything any more. */
export const TICK_MS = 2 * 60_000;

type Common = { readonly kind: string };

export async function hostRole<State, Input extends Common, Effect extends Common>(
  ctx: Pick<Context, "services" | "stores" | "gauges">,
  spec: RoleSpec<State, Input, Effect>,
): Promise<{ readonly role: HostedRole<Input>; readonly resumed: boolean }> {
  const { inflight, log } = ctx.services;
  const name = `${spec.computation}-${spec.role}`;
  const key = `${spec.computation}/${spec.role}`;
  const kept = await inflight.get<State>(name);
  const initial = kept ?? spec.start();
  const ending = new AbortController();
  const alarms = new Set<() => void>();
  if ((await ctx.stores.roles.get(key)) === undefined) {
    await ctx.stores.roles.put(key, {
      computation: spec.computation,
      role: spec.role,
      state: "running",
      startedAt: ctx.services.now(),
    });
  }

  let quiet: NodeJS.Timeout | undefined;
  const ticking = setInterval(() => role.poke({ kind: "tick" } as unknown as Input), TICK_MS);
  ticking.unref();
  const end = () => {
    ending.abort();
    clearInterval(ticking);
    clearTimeout(quiet);
    for (const callOff of alarms) callOff();
    alarms.clear();
  };
  const role: HostedRole<Input> = Object.freeze({
    signal: ending.signal,
    feed: (input: Input) => runner.feed(input).finally(keepWhenQuiet),
    poke(input: Input) {
      role.feed(input).catch((error: unknown) => {
        if (!isRefused(error)) log.error({ err: error, role: spec.role, input: input.kind }, "computation step failed");
        else logRefused(error, input);
      });
    },
    background(work: () => Promise<void>) {
      work().catch((error: unknown) => {
        if (!ending.signal.aborted) log.error({ err: error, role: spec.role }, "computation work failed");
      });
    },
    wakeAt(at: number) {
      if (ending.signal.aborted) return;
      const callOff = ctx.services.alarm(at, () => {
        alarms.delete(callOff);
        role.poke({ kind: "tick" } as unknown as Input);
      });
      alarms.add(callOff);
    },
    async finish() {
      const record = await ctx.stores.roles.get(key);
      if (record !== undefined) await ctx.stores.roles.put(key, { ...record, state: "over" });
      // First: a step that is saved after the erasure would bring the secrets back.
      end();
      await inflight.erase(name);
    },
    async stop() {
      end();
      await runner.stop();
    },
  });
  function keepWhenQuiet(): void {
    if (spec.quietMs === undefined || ending.signal.aborted) return;
    clearTimeout(quiet);
    quiet = setTimeout(() => role.background(() => runner.keep()), spec.quietMs).unref();
  }
  const logRefused = (error: SecaggError, input: Input) =>
    log.info({ code: error.code, role: spec.role, input: input.kind, computation: spec.computation }, error.message);

  const runner = createRunner<State, Input, Effect>(
    initial,
    {
      step: spec.step,
      isFirst: spec.isFirst,
      ...(spec.mayBeLost === undefined ? {} : { mayBeLost: spec.mayBeLost }),
      save: (state) => (ending.signal.aborted ? Promise.resolve() : inflight.change(name, state as object)),
      // Once it ends nothing is saved any more, so nothing may leave: the next start takes the step anew.
      send: (send) => (ending.signal.aborted ? undefined : spec.send(send, role)),
      perform: (effect) => spec.perform(effect, role),
      measure: (work, milliseconds) => {
        const label = work === "saving" ? work : labelOf(work);
        ctx.gauges.time(spec.computation, `${spec.role}/${label}`, milliseconds);
      },
    },
    () => performance.now(),
  );
  return { role, resumed: kept !== undefined };
}

function labelOf(input: Common): string {
  if ("message" in input) return (input.message as { type: string }).type;
  if ("record" in input) return (input.record as { record: string }).record;
  return input.kind;
}
