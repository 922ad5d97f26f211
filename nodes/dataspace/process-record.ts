/** A process as it lies on disk: enough to go on after a crash at any point. */
import type { Side } from "../../exchange/protocol/side.ts";
import type { Role } from "../../exchange/protocol/vocabulary.ts";

export interface ProcessRecord<D, M> {
  /** What this side calls the process. */
  readonly pid: string;
  /** The other participant: nobody else's messages count. */
  readonly peer: string;
  /** Base address at which the other side takes messages. */
  readonly address: string;
  readonly side: Side<D, M>;
  /** Digest of the first message, where it was the other side's: the same again is answered again, for ever. */
  readonly first?: string;
  /** Of the message on its way. Instants are UTC with Z. */
  readonly delivery?: { readonly since: string; readonly tries: number; readonly due: string };
  /** The latest messages of both sides, oldest first. */
  readonly history?: readonly ProcessStep[];
  /** The other side's answer to the latest message of this side, where it was a refusal and nothing has moved since. */
  readonly refusal?: ProcessRefusal;
}

/** One message: when it was put on its way or taken, and where it leads once it is acknowledged. */
export interface ProcessStep {
  /** UTC with Z. */
  readonly at: string;
  readonly by: Role;
  readonly message: string;
  readonly digest: string;
  readonly state: string;
}

export interface ProcessRefusal {
  /** Of the message that was refused. */
  readonly type: string;
  readonly code: string;
  readonly reasons: readonly string[];
  readonly at: string;
  /** The other side has refused it; otherwise nobody was reached. */
  readonly isFinal?: boolean;
}

/** How a message fared. */
export type Delivery =
  | { readonly kind: "taken"; readonly answer: unknown }
  /** Nothing changed there, as far as an answer can say. `isOver`: nothing will, the process is over there. */
  | { readonly kind: "refused"; readonly code: string; readonly reasons: readonly string[]; readonly isOver?: true }
  /** It may have been taken, or not yet: try again. `doubtful`: give up soon, the answer may be the other side's last. */
  | { readonly kind: "passing"; readonly code: string; readonly doubtful: boolean };
