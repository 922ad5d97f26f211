/** The members of the audit tests' network: an operator, a receiver, a requester and providers. */
import type { MemberRecord } from "../../chaincode/rules/transactions.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { signStatement } from "../../crypto/suites/signed.ts";
import type { LedgerEntry } from "../port.ts";
import { digest, identityOf, type LedgerFixture, NETWORK } from "./_ledger.ts";

/**
 * Nine providers: four in sector 17, three in 28, two in 35. With need = 3 only 17 is opened: 28 is its complement. The
 * fourth one's name begins with the third one's: their assets stand the other way round (p3-b:annual, p3:annual).
 */
const PROVIDERS = ["p1", "p2", "p3", "p3-b", "p5", "p6", "p7", "p8", "p9"].map((id, i) => ({
  id,
  sector: i < 4 ? "17" : i < 7 ? "28" : "35",
}));
export const cohortOf = (count: number): string[] => PROVIDERS.slice(0, count).map(({ id }) => id);
export const SECTORS = ["17", "28", "35"];

export type GroupOf = (member: string) => string;
const recordOf = (groupOf: GroupOf, id: string, kind: MemberRecord["kind"], sector?: string): MemberRecord => {
  const { key, publicKey } = identityOf(id);
  return {
    id,
    title: { en: id },
    kind,
    organisation: `code ${id}`,
    holdingGroup: groupOf(id),
    attributes: sector === undefined ? {} : { sector },
    identity: { key, suite: "intl", publicKey: toBase64url(publicKey) },
    tls: digest(`tls ${id}`),
    cosigner: COSIGNERS.includes(id),
  };
};
export const COSIGNERS = ["bureau", "gov", "p1"];

export async function foundNetwork(ledger: LedgerFixture, groupOf: GroupOf, providers: number) {
  const found = await ledger.submit("operator", "network.found", {
    network: NETWORK,
    industry: "C17",
    title: { en: "Audit network" },
    founder: recordOf(groupOf, "operator", "industry"),
    sequencer: "operator",
    attributes: { sector: SECTORS },
  });
  const admissions: LedgerEntry[] = [];
  const admit = async (member: MemberRecord) => {
    const application = signStatement(identityOf(member.id), "application", { network: NETWORK, member });
    admissions.push(await ledger.submit("operator", "member.admit", { application }));
  };
  await admit(recordOf(groupOf, "bureau", "government"));
  await admit(recordOf(groupOf, "gov", "government"));
  for (const { id, sector } of PROVIDERS.slice(0, providers)) await admit(recordOf(groupOf, id, "enterprise", sector));
  return { found, admissions };
}

export const policyOf = (member: string, version: number) => ({
  "@id": `urn:policy:${member}`,
  version,
  permission: [],
});
export const assetOf = (member: string) => ({
  id: `${member}:annual`,
  version: 1,
  provider: member,
  unit: { kind: "provider" },
  unitDomain: `domain-${member}`,
});
