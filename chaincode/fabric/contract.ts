/**
 * The rules as a Fabric contract. Deterministic: what it writes and answers follows from the arguments, the state and
 * the transaction's timestamp; a clock is asked only to refuse a call, which writes nothing. Peers do not know the order
 * of records, so what they write has position 0; every node's replica executes the same records again in the order of
 * the blocks and demands the same writes (docs/decisions/210).
 */
import { execute, type Outcome } from "../rules/execute.ts";
import type { Host } from "../rules/host.ts";
import { keys, type StateReader } from "../rules/keys.ts";
import type { MemberRecord } from "../rules/transactions.ts";
import { demandCaller } from "./caller.ts";
import {
  CallError,
  FUNCTIONS,
  MAX_SKEW_MS,
  MAX_SUBMISSIONS,
  NO_POSITION,
  RULES_KEY,
  type SubmitCall,
  type SubmitOutcome,
} from "./messages.ts";
import { createBatchState } from "./state.ts";
import { millisOf, type Stub } from "./stub.ts";

export interface ContractOptions {
  /** Signatures of what is executed, checked ahead of their turn where the state tells by which key. */
  readonly signatures: (state: StateReader) => SignatureQueue;
  /** Is this the RFC 8785 text of the value? */
  readonly isCanonical: (text: string, value: unknown) => boolean;
  /** Digest of the running code: see code-digest.ts. */
  readonly code: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Queued {
  readonly transaction: unknown;
  readonly text?: string | undefined;
}

export interface SignatureQueue {
  readonly verify: Host["verify"];
  inOrder<T extends Queued>(runs: Iterable<readonly T[]>): AsyncIterable<readonly T[]>;
}

export interface Response {
  readonly status: number;
  readonly message?: string;
  readonly payload?: Uint8Array;
}

export interface Contract {
  Init(stub: Stub): Promise<Response>;
  Invoke(stub: Stub): Promise<Response>;
}

export function createContract(options: ContractOptions): Contract {
  async function answer(stub: Stub): Promise<unknown> {
    const [name, ...rest] = stub.getBufferArgs().map((argument) => Buffer.from(argument).toString("utf8"));
    switch (name) {
      case FUNCTIONS.submit:
        return submit(options, stub, rest);
      case FUNCTIONS.about:
        return { code: options.code };
      case FUNCTIONS.get:
        return (await createBatchState(stub).get(demandText(rest[0], "key"))) ?? null;
      default:
        throw new CallError("ERR_FABRIC_ARGUMENTS", `function: expected one of ${Object.values(FUNCTIONS).join(", ")}`);
    }
  }

  return Object.freeze({
    Init: async () => ({ status: 200 }),
    async Invoke(stub: Stub) {
      try {
        return { status: 200, payload: Buffer.from(JSON.stringify(await answer(stub))) };
      } catch (error) {
        if (error instanceof CallError) return { status: 400, message: `${error.code}: ${error.message}` };
        // The peer's own failure; thrown on, it would end the process.
        return { status: 500, message: `ERR_FABRIC_STATE: ${(error as Error).message}` };
      }
    },
  });
}

async function submit(
  options: ContractOptions,
  stub: Stub,
  [first, ...texts]: readonly string[],
): Promise<readonly SubmitOutcome[]> {
  const call = readCall(first);
  if (call.code !== options.code) {
    throw new CallError("ERR_FABRIC_CODE", `code: this chaincode is ${options.code}, the caller goes by ${call.code}`);
  }
  if (texts.length > MAX_SUBMISSIONS) {
    throw new CallError(
      "ERR_FABRIC_ARGUMENTS",
      `transactions: expected at most ${MAX_SUBMISSIONS}, got ${texts.length}`,
    );
  }
  const millis = millisOf(stub.getTxTimestamp());
  demandPresent(millis, options.now());
  const transactions = texts.map((text): Queued => {
    const transaction = parseTransaction(text);
    return { transaction, text: options.isCanonical(text, transaction) ? text : undefined };
  });
  const state = createBatchState(stub);
  await state.prefetch([
    RULES_KEY,
    keys.network,
    keys.member(call.member),
    ...transactions.flatMap(({ transaction }) => keysOf(transaction)),
  ]);
  await demandCaller(stub, state, call.member, founderIn(transactions[0]?.transaction));

  if ((await state.get(RULES_KEY)) !== options.code) await state.put(RULES_KEY, options.code);
  const signatures = options.signatures(state);
  const time = new Date(millis).toISOString();
  const host: Host = { store: state, time, position: NO_POSITION, logSize: 0, verify: signatures.verify };
  const outcomes: SubmitOutcome[] = [];
  for await (const run of signatures.inOrder(runsOf(transactions))) {
    for (const { transaction, text } of run) {
      outcomes.push(endorsed(await execute(host, transaction, text)));
    }
  }
  await state.flush();
  return outcomes;
}

function endorsed(outcome: Outcome): SubmitOutcome {
  if (outcome.ok) return outcome.repeats === undefined ? { ok: true } : { ok: true, repeats: true };
  const { code, field } = outcome;
  return { ok: false, code, ...(field === undefined ? {} : { field }) };
}

/** As many as one signature covers. */
const RUN = 64;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** What the contract reads of every record; the record is not checked yet. */
function keysOf(transaction: unknown): readonly string[] {
  const { signer, key, statement } = (transaction ?? {}) as Partial<Record<"signer" | "key" | "statement", unknown>>;
  const { id } = (statement ?? {}) as { readonly id?: unknown };
  const isName = (value: unknown): value is string => typeof value === "string" && NAME.test(value);
  if (!isName(signer) || !isName(key) || !isName(id)) return [];
  return [keys.member(signer), keys.key(key), keys.transaction(signer, id)];
}

function* runsOf<T>(items: readonly T[]): Iterable<readonly T[]> {
  for (let at = 0; at < items.length; at += RUN) yield items.slice(at, at + RUN);
}

function readCall(text: string | undefined): SubmitCall {
  const call = parseTransaction(demandText(text, "call")) as Partial<SubmitCall> | undefined;
  if (typeof call?.member === "string" && NAME.test(call.member) && typeof call.code === "string")
    return call as SubmitCall;
  throw new CallError("ERR_FABRIC_ARGUMENTS", 'call: expected {"member", "code"}');
}

function demandText(text: string | undefined, name: string): string {
  if (text === undefined || text === "") throw new CallError("ERR_FABRIC_ARGUMENTS", `${name}: missing`);
  return text;
}

/** Endorsers refuse what is dated elsewhere than now: rules compare this time with deadlines. */
function demandPresent(millis: number, now: number): void {
  if (Math.abs(millis - now) <= MAX_SKEW_MS) return;
  throw new CallError(
    "ERR_FABRIC_CLOCK",
    `timestamp: the transaction says ${new Date(millis).toISOString()}, more than ${MAX_SKEW_MS} ms from this endorser's clock`,
  );
}

/** What is no JSON is undefined, which the contract rejects. */
function parseTransaction(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Only a record of the right form is ever executed; here it is not checked yet. */
function founderIn(transaction: unknown): MemberRecord | undefined {
  const { statement } = (transaction ?? {}) as { statement?: { body?: { founder?: MemberRecord } } };
  return statement?.body?.founder;
}
