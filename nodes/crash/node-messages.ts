/** What the runner and the processes of its nodes say to each other by IPC. */
import type { Moment } from "./steps.ts";

export interface Trap {
  readonly when:
    | {
        readonly kind: "step";
        readonly step: string;
        readonly moment: Moment;
        readonly nth: number;
        readonly delayMs: number;
      }
    | {
        readonly kind: "write";
        readonly store: "any" | "ledger";
        readonly moment: Moment;
        readonly nth: number;
      };
  /** The process that gets SIGKILL, 0 for the one that springs the trap; or the runner is told and acts. */
  readonly act: { readonly kill: number } | "tell";
}

/** What a process is to do to itself from now on; what was asked before is forgotten. */
export interface Orders {
  readonly traps: readonly Trap[];
  /** Every write that is synced to disk takes so much longer. */
  readonly slowMs: number;
  /** Every write fails as on a full disk. */
  readonly isFull: boolean;
}
export const NO_ORDERS: Orders = Object.freeze({ traps: [], slowMs: 0, isFull: false });

export type ToNode =
  | { readonly kind: "start"; readonly dir: string; readonly sent: string }
  | { readonly kind: "orders"; readonly orders: Orders };
export type FromNode =
  | { readonly kind: "ready" }
  /** The orders that came last are in force, and no trap of earlier ones is left. */
  | { readonly kind: "ordered" }
  | { readonly kind: "sprung" }
  | { readonly kind: "failed"; readonly error: string };
