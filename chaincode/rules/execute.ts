/**
 * Executes one signed transaction: size, schema, id, network, author, key, signature, then the rule of its type. A
 * repeated id is answered before its signature is looked at, so that a retry survives a key rotation in between.
 * Deterministic: the same transaction on the same state at the same position and time answers and writes the same on
 * every host. Hostile input gives an answer, never an exception; an exception means that the store failed.
 */
import { type Static, Type } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { canonicalText, sha256Of } from "./canonical.ts";
import { ContractError, type ContractErrorCode, demand } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readKey, readMember, readNetwork } from "./keys.ts";
import type { MemberState, TransactionState } from "./records.ts";
import type { Author, Rule } from "./rule.ts";
import { RULES } from "./rules.ts";
import { TRANSACTIONS, type Transaction, type TransactionType } from "./transactions.ts";
import { Code, closed, signedTransaction } from "./vocabulary.ts";

/** Of the RFC 8785 text of the whole signed transaction, UTF-8. */
export const MAX_TRANSACTION_BYTES = 1_048_576;

export type Outcome =
  | {
      readonly ok: true /** Set when this id was recorded before: nothing was written now. */;
      readonly repeats?: number;
    }
  | {
      readonly ok: false;
      readonly code: ContractErrorCode;
      /** Path into the transaction's body. */
      readonly field?: string;
      readonly message: string;
    };

const Envelope = signedTransaction(
  closed({ network: Code, id: Code, type: Type.String({ maxLength: 64 }), body: Type.Unknown() }),
);
const envelope = Compile(Envelope);
const bodies = new Map<TransactionType, Validator>();

/** `text` is the RFC 8785 text of `transaction`, from a host that has it already. */
export async function execute(host: Host, transaction: unknown, text?: string): Promise<Outcome> {
  try {
    const whole = text ?? textOf(transaction);
    const checked = checkForm(transaction, whole);
    const { signer, statement } = checked;
    const key = keys.transaction(signer, statement.id);
    const digest = sha256Of(statementText(whole!, checked));
    const recorded = (await host.store.get(key)) as TransactionState | undefined;
    if (recorded !== undefined) {
      demand(recorded.digest === digest, "ERR_CONTRACT_ID_REUSED", `id: ${statement.id} is another transaction`, "id");
      return { ok: true, repeats: recorded.position };
    }
    const author = await (statement.type === "network.found" ? founderOf(host, checked) : authorOf(host, checked));
    // The table pairs every type with the rule of its body; TypeScript cannot follow a union through it.
    const rule = RULES[statement.type] as Rule<TransactionType>;
    await rule(host, author, statement.body);
    const state: TransactionState = { position: host.position, digest };
    await host.store.put(key, state);
    return { ok: true };
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    const { code, field, message } = error;
    return { ok: false, code, ...(field === undefined ? {} : { field }), message };
  }
}

type Checked = Omit<Static<typeof Envelope>, "statement"> & { readonly statement: Transaction };

function checkForm(transaction: unknown, text: string | undefined): Checked {
  demandSize(text);
  demandSchema(envelope, transaction, "");
  const { type } = (transaction as Static<typeof Envelope>).statement;
  demand(
    Object.hasOwn(TRANSACTIONS, type),
    "ERR_CONTRACT_SCHEMA",
    `type: no transaction type ${JSON.stringify(type)}`,
    "type",
  );
  demandSchema(validatorOf(type as TransactionType), (transaction as Checked).statement.body, "");
  return transaction as Checked;
}

/** Canonical text of the statement, out of that of the transaction: the schema allows no other name before or after it. */
function statementText(text: string, { suite }: Checked): string {
  const name = '"statement":';
  return text.slice(text.indexOf(name) + name.length, -`,"suite":"${suite}"}`.length);
}

function textOf(transaction: unknown): string | undefined {
  try {
    return canonicalText(transaction);
  } catch {
    // Not JSON: no transaction.
    return undefined;
  }
}

function demandSize(text: string | undefined): void {
  demand(text !== undefined, "ERR_CONTRACT_SCHEMA", "transaction: has no canonical JSON form");
  const bytes = Buffer.byteLength(text);
  demand(
    bytes <= MAX_TRANSACTION_BYTES,
    "ERR_CONTRACT_TOO_LARGE",
    `transaction: expected at most ${MAX_TRANSACTION_BYTES} bytes, got ${bytes}`,
  );
}

function demandSchema(validator: Validator, value: unknown, root: string): void {
  if (validator.Check(value)) return;
  const [first] = validator.Errors(value);
  const field = `${root}${first?.instancePath ?? ""}`.replace(/^\//, "").replaceAll("/", ".");
  throw new ContractError("ERR_CONTRACT_SCHEMA", `${field || "transaction"}: ${first?.message ?? "malformed"}`, field);
}

function validatorOf(type: TransactionType): Validator {
  let validator = bodies.get(type);
  if (validator === undefined) {
    validator = Compile(TRANSACTIONS[type]) as Validator;
    bodies.set(type, validator);
  }
  return validator;
}

async function authorOf(host: Host, signedBy: Checked): Promise<Author> {
  const network = await readNetwork(host.store);
  demand(
    network?.network === signedBy.statement.network,
    "ERR_CONTRACT_NETWORK",
    `network: expected ${network?.network ?? "a founded network"}, got ${signedBy.statement.network}`,
    "network",
  );
  const member = await readMember(host.store, signedBy.signer);
  demand(member !== undefined, "ERR_CONTRACT_UNKNOWN_MEMBER", `signer: ${signedBy.signer} is not a member`);
  demand(member.status === "active", "ERR_CONTRACT_MEMBER_INACTIVE", `signer: ${signedBy.signer} is ${member.status}`);
  const key = await readKey(host.store, signedBy.key);
  demand(
    key !== undefined && key.member === signedBy.signer && key.suite === signedBy.suite,
    "ERR_CONTRACT_KEY_UNKNOWN",
    `key: ${signedBy.key} is not a key of ${signedBy.signer}`,
  );
  demand(key.state !== "revoked", "ERR_CONTRACT_KEY_REVOKED", `key: ${signedBy.key} is revoked`);
  demand(
    key.state === "current",
    "ERR_CONTRACT_KEY_REPLACED",
    `key: ${signedBy.key} was replaced; sign with the new one`,
  );
  await demandSignature(host, key.publicKey, signedBy);
  return { id: signedBy.signer, member, key: signedBy.key };
}

/** The founder is not on the ledger yet: its own record brings the key, and the rest of the network pins it. */
async function founderOf(host: Host, signedBy: Checked): Promise<Author> {
  const { network, founder } = (signedBy.statement as Transaction<"network.found">).body;
  demand(
    network === signedBy.statement.network,
    "ERR_CONTRACT_NETWORK",
    "network: body and transaction differ",
    "network",
  );
  const { key, suite, publicKey } = founder.identity;
  demand(
    signedBy.signer === founder.id && signedBy.key === key && signedBy.suite === suite,
    "ERR_CONTRACT_KEY_MISMATCH",
    "founder.identity: must be the key that signs this transaction",
    "founder.identity",
  );
  await demandSignature(host, publicKey, signedBy);
  const time = { position: host.position, time: host.time };
  const member: MemberState = { record: founder, status: "active", admitted: time, changed: time };
  return { id: founder.id, member, key };
}

async function demandSignature(host: Host, publicKey: string, signedBy: Checked): Promise<void> {
  demand(
    await host.verify(publicKey, "transaction", signedBy),
    "ERR_CONTRACT_SIGNATURE",
    `signature: does not verify under the key of ${signedBy.signer}`,
  );
}
