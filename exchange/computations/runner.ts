/**
 * Runs one role of one computation: inputs in order, and nothing leaves before what it rests on is on disk.
 *
 *   step -> carry out the effects that must come first -> save the state -> send -> carry out the other effects
 *
 * What comes in while the state before is being saved is taken together and saved once: a coordinator hears from all its
 * members at about the same time.
 */
import { SecaggError } from "../../crypto/secagg/errors.ts";
import type { Send, Step } from "../../crypto/secagg/step.ts";

export interface Role<State, Input, Effect extends { readonly kind: string }> {
  readonly step: (state: State, input: Input) => Step<State, Effect>;
  /** Effects that must be durable before the state is (history, kept contributions). */
  readonly isFirst: (effect: Effect) => boolean;
  /** True where a crash may lose the step: nothing rests on it, and its input comes again by itself. */
  readonly mayBeLost?: (input: Input, taken: Step<State, Effect>) => boolean;
  readonly save: (state: State) => Promise<void>;
  /** Hands bytes to the transport; a transport that fails repeats by itself. */
  readonly send: (send: Send) => void;
  /** Carries an effect out; inputs it leads to are fed to the runner by whoever carries it out. */
  readonly perform: (effect: Effect) => Promise<void> | void;
  /** Own work in milliseconds: one step, or one saving of the state. */
  readonly measure?: (work: Input | "saving", milliseconds: number) => void;
}

export interface Runner<Input> {
  /** Resolves when the input was taken in and everything it led to was handed on. Throws SecaggError: input dropped. */
  feed(input: Input): Promise<void>;
  /** Saves what steps that may be lost have changed, once the inputs before it are done. Throws what saving throws. */
  keep(): Promise<void>;
  /** No further inputs are taken; resolves when the present ones are done. */
  stop(): Promise<void>;
}

interface Waiting<Input> {
  readonly input: Input;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Steps of one group run without a pause, so that long ones let others have a turn. */
const GROUP_MS = 20;

export function createRunner<State, Input, Effect extends { readonly kind: string }>(
  initial: State,
  role: Role<State, Input, Effect>,
  clock: () => number,
): Runner<Input> {
  let state = initial;
  /** Of the saved state, by steps that may be lost: whatever leaves rests on them too. */
  let ahead = false;
  let queue: Waiting<Input>[] = [];
  let working: Promise<void> | undefined;
  let stopped = false;

  /** Takes from the queue what can be saved together; a refused input is out at once. */
  function stepGroup() {
    const startedAt = clock();
    const taken: { readonly waiting: Waiting<Input>; readonly step: Step<State, Effect> }[] = [];
    let next = state;
    let isAhead = ahead;
    let isLasting = false;
    for (let at = startedAt; queue.length > 0 && at - startedAt <= GROUP_MS; ) {
      const waiting = queue.shift()!;
      try {
        const step = role.step(next, waiting.input);
        const mayBeLost = role.mayBeLost?.(waiting.input, step) === true;
        isAhead ||= step.state !== next;
        isLasting ||= isAhead && !mayBeLost;
        next = step.state;
        taken.push({ waiting, step });
      } catch (error) {
        waiting.reject(error);
      }
      const now = clock();
      role.measure?.(waiting.input, now - at);
      at = now;
    }
    return { taken, next, isLasting, isAhead };
  }

  async function takeGroup(): Promise<void> {
    const { taken, next, isLasting, isAhead } = stepGroup();
    try {
      const first = taken.flatMap(({ step }) => step.effects.filter(role.isFirst));
      await Promise.all(first.map((effect) => role.perform(effect)));
      const startedAt = clock();
      if (isLasting) await role.save(next);
      if (isLasting) role.measure?.("saving", clock() - startedAt);
    } catch (error) {
      for (const { waiting } of taken) waiting.reject(error);
      return;
    }
    state = next;
    ahead = isAhead && !isLasting;
    for (const { step } of taken) for (const message of step.send) role.send(message);
    for (const { waiting, step } of taken) {
      try {
        for (const effect of step.effects) if (!role.isFirst(effect)) await role.perform(effect);
        waiting.resolve();
      } catch (error) {
        waiting.reject(error);
      }
    }
  }

  async function work(): Promise<void> {
    while (queue.length > 0) await takeGroup();
    working = undefined;
  }

  async function keep(): Promise<void> {
    try {
      await role.save(state);
      ahead = false;
    } finally {
      await work();
    }
  }

  return Object.freeze({
    async keep() {
      while (working !== undefined) await working;
      if (stopped || !ahead) return;
      const keeping = keep();
      // Whoever stops waits for it, and does not fail with it.
      working = keeping.catch(() => undefined);
      await keeping;
    },
    feed(input: Input) {
      if (stopped) return Promise.resolve();
      return new Promise<void>((resolve, reject) => {
        queue.push({ input, resolve, reject });
        // Not at once: inputs that come together are taken together.
        working ??= Promise.resolve().then(work);
      });
    },
    async stop() {
      stopped = true;
      for (const { resolve } of queue) resolve();
      queue = [];
      await working;
    },
  });
}

export const isRefused = (error: unknown): error is SecaggError => error instanceof SecaggError;
