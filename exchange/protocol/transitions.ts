/** A protocol's state machine as one table: from a state by an act of a role to the next state. */
import type { Role } from "./vocabulary.ts";

export interface Transition<S extends string> {
  readonly by: readonly Role[];
  readonly to: S;
}

/** `START`: before the first message. A state without acts is final. */
export type Transitions<S extends string, A extends string> = Readonly<
  Record<S | "START", Readonly<Partial<Record<A, Transition<S>>>>>
>;

export const byConsumer = <const S extends string>(to: S): Transition<S> => ({ by: ["consumer"], to });
export const byProvider = <const S extends string>(to: S): Transition<S> => ({ by: ["provider"], to });
export const byEither = <const S extends string>(to: S): Transition<S> => ({ by: ["consumer", "provider"], to });

/** Undefined: the table has no such move. */
export function nextState<S extends string, A extends string>(
  table: Transitions<S, A>,
  state: S | "START",
  from: Role,
  act: A,
): S | undefined {
  const transition = table[state][act];
  return transition?.by.includes(from) === true ? transition.to : undefined;
}

export const isFinal = <S extends string, A extends string>(table: Transitions<S, A>, state: S): boolean =>
  Object.keys(table[state]).length === 0;
