/** Members with real keys and signed transactions for tests of ledger hosts. Deterministic: keys come from the id. */
import type { MemberRecord, TransactionBody, TransactionType } from "../../chaincode/rules/transactions.ts";
import { sha256 } from "../../crypto/suites/digest.ts";
import { toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { type SigningIdentity, signingIdentity, signStatement, signStatements } from "../../crypto/suites/signed.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import type { SignedTransaction } from "../port.ts";

export const NETWORK = "conformance";

export interface TestMember {
  readonly id: string;
  readonly identity: SigningIdentity;
  readonly record: MemberRecord;
}

export const digest = (label: string): string => toBase64url(sha256(utf8(label)));

/** A version 4 UUID from a label. */
export function uuid(label: string): string {
  const hex = Buffer.from(sha256(utf8(label))).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export const publicKeyOf = (identity: SigningIdentity): string => toBase64url(identity.publicKey);

export const keyRecordOf = ({ key, suite, publicKey }: SigningIdentity): MemberRecord["identity"] => ({
  key,
  suite,
  publicKey: toBase64url(publicKey),
});

export function testMember(id: string, changes: Partial<MemberRecord> = {}, suite: SuiteId = "intl"): TestMember {
  const identity = signingIdentity(id, suite, sha256(utf8(`seed of ${id}`)));
  const record: MemberRecord = {
    id,
    title: { en: id },
    kind: "enterprise",
    organisation: `organisation of ${id}`,
    holdingGroup: `group-${id}`,
    attributes: {},
    identity: keyRecordOf(identity),
    tls: digest(`tls of ${id}`),
    cosigner: false,
    ...changes,
  };
  return { id, identity, record };
}

export function transaction<T extends TransactionType>(
  author: TestMember,
  type: T,
  body: TransactionBody<T>,
  id = uuid(`${author.id} ${type} ${JSON.stringify(body)}`),
): SignedTransaction {
  return signStatement(author.identity, "transaction", { network: NETWORK, id, type, body }) as SignedTransaction;
}

export const founding = (founder: TestMember): SignedTransaction =>
  transaction(founder, "network.found", {
    network: NETWORK,
    industry: "C17",
    title: { en: "Conformance" },
    founder: founder.record,
    sequencer: founder.id,
    attributes: { sector: ["17", "18", "28"] },
  });

export function admission(operator: TestMember, member: TestMember): SignedTransaction {
  const statement = { network: NETWORK, member: member.record };
  const application = signStatement(member.identity, "application", statement);
  return transaction(operator, "member.admit", { application });
}

/** The smallest record that any member may write: anchors [from, to) of its access log. */
export const anchor = (author: TestMember, from: number, to = from + 1): SignedTransaction =>
  transaction(author, "access.anchor", { from, to, root: digest(`${author.id} ${to}`) });

/** `count` such records that follow each other, under one signature per 64 of them. */
export const anchors = (author: TestMember, from: number, count: number): readonly SignedTransaction[] =>
  transactions(
    author,
    "access.anchor",
    Array.from({ length: count }, (_, at) => {
      return { from: from + at, to: from + at + 1, root: digest(`${author.id} ${from + at + 1}`) };
    }),
  );

/** One of each body, under one signature per 64 of them. */
export function transactions<T extends TransactionType>(
  author: TestMember,
  type: T,
  bodies: readonly TransactionBody<T>[],
): readonly SignedTransaction[] {
  const statements = bodies.map((body) => {
    return { network: NETWORK, id: uuid(`${author.id} batch ${type} ${JSON.stringify(body)}`), type, body };
  });
  return signStatements(author.identity, "transaction", statements) as readonly SignedTransaction[];
}
