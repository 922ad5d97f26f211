/** Everything that whoever keeps, sends and takes messages must know of a protocol: negotiation and transfer are two. */
import type { ErrorType } from "./error-document.ts";
import type { Parsed } from "./parse.ts";
import type { MessagePaths } from "./paths.ts";
import type { Moves } from "./side.ts";
import type { Cause, Role } from "./vocabulary.ts";

export interface ProcessDocument {
  readonly providerPid: string;
  readonly consumerPid: string;
  readonly state: string;
  readonly callbackAddress: string | undefined;
}

export interface Protocol<D extends ProcessDocument, M extends { readonly "@type": string }> {
  readonly collection: string;
  readonly error: ErrorType;
  readonly paths: MessagePaths<M["@type"]>;
  readonly moves: Moves<D, M>;
  readonly parse: (value: unknown, wanted?: readonly M["@type"][]) => Parsed<M>;
  /** Address at which the side that sent a first message takes answers. */
  readonly callbackOf: (message: M) => string | undefined;
  /** Who sends the first message of this type. */
  readonly opensAs: (message: M) => Role;
  readonly isOver: (document: D) => boolean;
  /** The answer to a first message and to a question. */
  readonly answer: (document: D) => object;
  /** A state as the other side tells it; undefined for what is none. */
  readonly stateOf: (answer: unknown) => ToldState | undefined;
  /** Who ended it before its time, and why; undefined: nobody. */
  readonly endOf: (document: D) => { readonly by: Role; readonly code: string | undefined } | undefined;
  /** The end that this side declares when it cannot tell the other side. */
  readonly ended: (document: D, by: Role, cause: Cause) => D;
}

export interface ToldState {
  readonly providerPid: string;
  readonly consumerPid: string;
  readonly state: string;
}
