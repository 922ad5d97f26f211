/** Who acts: every member by its own application, admitted on the ledger, with the keys the trust file pins. */

import { type Signed, verifySigned } from "../../crypto/suites/signed.ts";
import { readPublicKey } from "../../crypto/suites/suite.ts";
import type { CheckOf, RecordEvidence } from "./evidence.ts";
import type { Findings } from "./problems.ts";

export const checkMembers: CheckOf<RecordEvidence> = (evidence, findings) => {
  const { body, trust, actors, admitted } = evidence;
  const { found, admissions, rotations } = body.members;
  for (const actor of actors) {
    findings.expect(admitted.has(actor), "/body/members", "member-missing", { member: actor });
  }
  const ids = [
    found.transaction.statement.body.founder.id,
    ...admissions.map(({ transaction }) => transaction.statement.body.application.statement.member.id),
  ];
  for (const [at, id] of ids.entries()) {
    const where = at === 0 ? "/body/members/found" : `/body/members/admissions/${at - 1}`;
    findings.expect(ids.indexOf(id) === at, where, "member-twice", { member: id });
    findings.expect(at === 0 || actors.has(id), where, "member-unneeded", { member: id });
    const pinned = trust.member(id);
    const { record, position } = admitted.get(id) ?? {};
    const first = pinned?.keys.find(({ from }) => from === position);
    findings.expect(pinned !== undefined, where, "member-not-pinned", { member: id });
    findings.expect(
      first?.key === record?.identity.key && first?.publicKey === record?.identity.publicKey,
      where,
      "member-key",
      {
        member: id,
      },
    );
    findings.expect(pinned?.cosigner === record?.cosigner, where, "member-not-pinned", { member: id });
  }
  for (const [at, { transaction, position }] of admissions.entries()) {
    const { application } = transaction.statement.body;
    const { member } = application.statement;
    const where = `/body/members/admissions/${at}/transaction/statement/body/application`;
    findings.expect(position > found.position, `/body/members/admissions/${at}/position`, "order", { got: position });
    expectBrought(findings, where, application, member.id, member.identity);
  }
  expectAscending(findings, "/body/members/admissions", admissions);
  expectAscending(findings, "/body/members/rotations", rotations);
  checkRotations(evidence, findings);
  expectAllKeys(evidence, findings);
  findings.expect(
    rotations.every(({ transaction }) => actors.has(transaction.signer)),
    "/body/members/rotations",
    "member-unneeded",
  );
};

function expectAscending(findings: Findings, where: string, records: readonly { readonly position: number }[]): void {
  const ascends = records.every(({ position }, at) => at === 0 || (records[at - 1]?.position ?? 0) < position);
  findings.expect(ascends, where, "order");
}

/** Every key that an acting member had until the outcome was brought by a record in the bundle. */
function expectAllKeys({ body, trust, actors, admitted, last }: RecordEvidence, findings: Findings): void {
  const brought = new Set(body.members.rotations.map(({ transaction }) => transaction.statement.body.next.key));
  for (const actor of actors) {
    const first = admitted.get(actor)?.record.identity.key;
    for (const { key, from } of trust.member(actor)?.keys ?? []) {
      const known = key === first || brought.has(key) || from > last;
      findings.expect(known, "/body/members/rotations", "member-key", { member: actor, key });
    }
  }
}

function checkRotations({ body, trust }: RecordEvidence, findings: Findings): void {
  for (const [at, { transaction, position }] of body.members.rotations.entries()) {
    const { next, proof } = transaction.statement.body;
    const where = `/body/members/rotations/${at}/transaction/statement/body`;
    const { member, replaces } = proof.statement;
    const names = member === transaction.signer && replaces === transaction.key && proof.statement.next === next.key;
    findings.expect(names, `${where}/proof/statement`, "names-other", { member });
    const pinned = trust.key(next.key);
    const known = pinned?.member === transaction.signer && pinned.pinned.from === position;
    findings.expect(known && pinned.pinned.publicKey === next.publicKey, `${where}/next`, "member-key", {
      member: transaction.signer,
    });
    expectBrought(findings, `${where}/proof`, proof, transaction.signer, next);
  }
}

/** The statement is signed by the very key it brings: the applicant holds the private half. */
function expectBrought(
  findings: Findings,
  where: string,
  signed: Signed<unknown>,
  member: string,
  brought: { readonly key: string; readonly suite: string; readonly publicKey: string },
): void {
  let holds = signed.signer === member && signed.key === brought.key;
  try {
    holds &&= verifySigned(readPublicKey(brought).publicKey, "application", signed);
  } catch {
    holds = false;
  }
  findings.expect(holds, where, "application", { member });
}
