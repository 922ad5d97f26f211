/**
 * Runs one role of one computation: inputs one at a time, and nothing leaves before what it rests on is on disk.
 *
 *   step -> carry out the effects that must come first -> save the state -> send -> carry out the other effects
 */
import { SecaggError } from "../../crypto/secagg/errors.ts";
import type { Send, Step } from "../../crypto/secagg/step.ts";

export interface Role<State, Input, Effect extends { readonly kind: string }> {
  readonly step: (state: State, input: Input) => Step<State, Effect>;
  /** Effects that must be durable before the state is (history, kept contributions). */
  readonly isFirst: (effect: Effect) => boolean;
  readonly save: (state: State) => Promise<void>;
  /** Hands bytes to the transport; a transport that fails repeats by itself. */
  readonly send: (send: Send) => void;
  /** Carries an effect out; inputs it leads to are fed to the runner by whoever carries it out. */
  readonly perform: (effect: Effect) => Promise<void> | void;
  readonly measure?: (input: Input, milliseconds: number) => void;
}

export interface Runner<Input> {
  /** Resolves when the input was taken in and everything it led to was handed on. Throws SecaggError: input dropped. */
  feed(input: Input): Promise<void>;
  /** No further inputs are taken; resolves when the present one is done. */
  stop(): Promise<void>;
}

export function createRunner<State, Input, Effect extends { readonly kind: string }>(
  initial: State,
  role: Role<State, Input, Effect>,
  clock: () => number,
): Runner<Input> {
  let state = initial;
  let tail: Promise<void> = Promise.resolve();
  let stopped = false;

  async function take(input: Input): Promise<void> {
    if (stopped) return;
    const startedAt = clock();
    const { state: next, send, effects } = role.step(state, input);
    for (const effect of effects) if (role.isFirst(effect)) await role.perform(effect);
    if (next !== state) await role.save(next);
    state = next;
    for (const message of send) role.send(message);
    for (const effect of effects) if (!role.isFirst(effect)) await role.perform(effect);
    role.measure?.(input, clock() - startedAt);
  }

  return Object.freeze({
    feed(input: Input) {
      const done = tail.then(() => take(input));
      tail = done.catch(() => undefined);
      return done;
    },
    async stop() {
      stopped = true;
      await tail;
    },
  });
}

export const isRefused = (error: unknown): error is SecaggError => error instanceof SecaggError;
