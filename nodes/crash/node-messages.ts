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
    | { readonly kind: "write"; readonly moment: Moment; readonly nth: number };
  /** Processes that get SIGKILL; 0 stands for the one that springs the trap. */
  readonly kill: number;
}

export type ToNode =
  | { readonly kind: "start"; readonly dir: string; readonly sent: string }
  | { readonly kind: "arm"; readonly traps: readonly Trap[] };
export type FromNode = { readonly kind: "ready" } | { readonly kind: "failed"; readonly error: string };
