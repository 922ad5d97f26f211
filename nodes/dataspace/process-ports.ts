/** What the processes of one protocol are given, and what they offer. */
import type { ProcessDocument, Protocol } from "../../exchange/protocol/protocol.ts";
import type { Cause } from "../../exchange/protocol/vocabulary.ts";
import type { RecordStore } from "../store/records.ts";
import type { Patience } from "./after-try.ts";
import type { EndedMark, EndedPorts, Retention } from "./ended-processes.ts";
import type { Endings } from "./endings.ts";
import type { Delivery, ProcessRecord } from "./process-record.ts";

export interface ProcessPorts<D extends ProcessDocument, M extends { readonly "@type": string }> {
  readonly protocol: Protocol<D, M>;
  readonly records: RecordStore<ProcessRecord<D, M>>;
  /** Pids of processes that are not over: what a start must look at. Need not outlive a power cut before `records`. */
  readonly open: RecordStore<true>;
  /** UTC with Z. */
  readonly now: () => string;
  readonly post: (peer: string, url: string, message: M, signal: AbortSignal) => Promise<Delivery>;
  /** The other side's word on the state; undefined where it cannot be had. */
  readonly ask: (peer: string, url: string, signal: AbortSignal) => Promise<unknown>;
  /** May this participant begin with this message? Says why not. `pid`: what this side would call the process. */
  readonly admits: (
    peer: string,
    message: M,
    pid: string,
  ) => Promise<{ readonly code: string; readonly detail: string } | undefined>;
  /** Of a first message that is admitted, right before its process is written: what must lie on disk, or end, by then. */
  readonly begins?: (peer: string, message: M) => Promise<void>;
  /** What this side wants to say now; the same answer for the same record, or one for a later state. */
  readonly next: (record: ProcessRecord<D, M>) => Promise<M | undefined>;
  /** May the other side say this now? Says why not; throws for "not yet". */
  readonly mayTake?: (
    record: ProcessRecord<D, M>,
    message: M,
  ) => Promise<{ readonly code: string; readonly detail: string } | undefined>;
  /** The end that stands for everyone to see, whatever the other side answers; undefined: none does. */
  readonly stands?: (record: ProcessRecord<D, M>) => Promise<D | undefined>;
  /** Ends what nobody can say anything more about. Absent: processes stand still for as long as the other side likes. */
  readonly endings?: Endings<D, M>;
  /** The other side has refused it for good: is the process over for this side then? Negotiations have `endings`. */
  readonly endsIfRefused?: (message: M) => boolean;
  /** Absent: what is over stays for ever. */
  readonly ended?: {
    readonly marks: RecordStore<EndedMark>;
    readonly retention: Retention;
    /** Pids that were given to the other side's first messages and are never given again: other stores know them. */
    readonly gone: RecordStore<true>;
    /** It stays as long again. */
    readonly isNeeded?: (record: ProcessRecord<D, M>) => Promise<boolean>;
    /** Before it goes. */
    readonly onForget?: (record: ProcessRecord<D, M>) => Promise<void>;
    readonly onError: EndedPorts["onError"];
  };
  /** Told of every change, after it is on disk, and at the start of every process that is not over. */
  readonly onMoved?: (record: ProcessRecord<D, M>) => void;
  readonly onError: (pid: string, error: unknown) => void;
  readonly patience?: Patience;
}

export interface Processes<D extends ProcessDocument, M> {
  /** This side begins; `pid` is what its message calls the process. The same pid again goes on with what there is. */
  begin(about: {
    readonly pid: string;
    readonly peer: string;
    readonly address: string;
    readonly message: M;
  }): Promise<void>;
  /** A first message of the other side. Idempotent on its pid. */
  takeFirst(peer: string, body: unknown, type: string): Promise<D>;
  take(peer: string, pid: string, body: unknown, type: string): Promise<D>;
  /** For the other participant. */
  show(peer: string, pid: string): Promise<D>;
  find(pid: string): Promise<ProcessRecord<D, M> | undefined>;
  /** Over for this side without a word: the other side has shown that it is over for it. What stands, stands. */
  end(pid: string, cause: Cause): Promise<void>;
  /** Asks `next` again, because something outside the process has changed. */
  poke(pid: string): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}
