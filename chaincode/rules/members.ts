/** Founding, admission, suspension and keys. The operator admits what the applicant itself signed, nothing else. */
import { createHash } from "node:crypto";
import { demand, found } from "./errors.ts";
import type { Host, SignedLike } from "./host.ts";
import { keys, readKey, readMember, readNetwork, readNetworkSuite } from "./keys.ts";
import { type KeyState, type MemberState, type MemberStatus, type NetworkState, STATE_FORM } from "./records.ts";
import { demandOperator, type Rule, written } from "./rule.ts";
import type { MemberRecord } from "./transactions.ts";

const CODE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const foundNetwork: Rule<"network.found"> = async (host, author, body) => {
  const existing = await readNetwork(host.store);
  demand(existing === undefined, "ERR_CONTRACT_EXISTS", "network: already founded on this ledger", "network");
  demand(
    body.sequencer === body.founder.id,
    "ERR_CONTRACT_MISMATCH",
    "sequencer: the founder is the first sequencer",
    "sequencer",
  );
  for (const name of Object.keys(body.attributes)) {
    demand(CODE.test(name), "ERR_CONTRACT_ATTRIBUTE", `attributes: ${JSON.stringify(name)} is no code`, "attributes");
  }
  const network: NetworkState = {
    network: body.network,
    industry: body.industry,
    title: body.title,
    founder: author.id,
    operator: author.id,
    sequencer: body.sequencer,
    form: STATE_FORM,
    attributes: body.attributes,
    ...written(host),
  };
  await demandAdmissible(host, network.attributes, body.founder, "founder");
  await host.store.put(keys.network, network);
  await putMember(host, body.founder);
};

export const admitMember: Rule<"member.admit"> = async (host, author, { application }) => {
  const network = await demandOperator(host, author);
  const { member } = application.statement;
  demand(
    application.statement.network === network.network,
    "ERR_CONTRACT_NETWORK",
    `application.network: expected ${network.network}, got ${application.statement.network}`,
    "application.statement.network",
  );
  await demandPossession(host, member.id, member.identity, application, "application");
  await demandSuite(host, member.identity, "application.statement.member.identity");
  await demandAdmissible(host, network.attributes, member, "application.statement.member");
  await putMember(host, member);
};

export const suspendMember: Rule<"member.suspend"> = async (host, author, { member, reason }) => {
  await demandOperator(host, author);
  demand(member !== author.id, "ERR_CONTRACT_NOT_PERMITTED", "member: the operator cannot suspend itself", "member");
  await changeStatus(host, member, reason, { from: "active", to: "suspended" });
};

export const reinstateMember: Rule<"member.reinstate"> = async (host, author, { member, reason }) => {
  await demandOperator(host, author);
  await changeStatus(host, member, reason, { from: "suspended", to: "active" });
};

export const rotateKey: Rule<"key.rotate"> = async (host, author, { next, tls, fabric, proof }) => {
  const { statement } = proof;
  demand(
    statement.member === author.id && statement.replaces === author.key && statement.next === next.key,
    "ERR_CONTRACT_MISMATCH",
    "proof: must name this member, the key that signs this record and the next key",
    "proof.statement",
  );
  await demandPossession(host, author.id, next, proof, "proof");
  await demandNewKey(host, next.key, "next.key");
  // The sequencer's own key decides which suite the network is of: it goes first, the others follow.
  if ((await readNetwork(host.store))?.sequencer !== author.id) await demandSuite(host, next, "next");
  const old = found(await readKey(host.store, author.key), "key", "key");
  const replaced: KeyState = { ...withoutState(old), state: "replaced", until: written(host) };
  const moved = { ...(tls === undefined ? {} : { tls }), ...(fabric === undefined ? {} : { fabric }) };
  const record: MemberRecord = { ...author.member.record, identity: next, ...moved };
  await host.store.put(keys.key(author.key), replaced);
  await putKey(host, author.id, next);
  await host.store.put(keys.member(author.id), { ...author.member, record, changed: written(host) });
};

export const revokeKey: Rule<"key.revoke"> = async (host, author, { member, key, reason }) => {
  if (author.id !== member) await demandOperator(host, author);
  const state = found(await readKey(host.store, key), "key", "key");
  demand(state.member === member, "ERR_CONTRACT_MISMATCH", `key: ${key} is not a key of ${member}`, "key");
  demand(state.state !== "revoked", "ERR_CONTRACT_STATE", `key: ${key} is already revoked`, "key");
  const revoked: KeyState = { ...withoutState(state), state: "revoked", until: written(host), reason };
  await host.store.put(keys.key(key), revoked);
};

async function changeStatus(
  host: Host,
  id: string,
  reason: string,
  change: { readonly from: MemberStatus; readonly to: MemberStatus },
): Promise<void> {
  const member = found(await readMember(host.store, id), "member", "member");
  demand(
    member.status === change.from,
    "ERR_CONTRACT_STATE",
    `member: expected ${change.from}, ${id} is ${member.status}`,
    "member",
  );
  await host.store.put(keys.member(id), { ...member, status: change.to, reason, changed: written(host) });
}

/** The statement is signed by the very key it brings: whoever sent it holds the private half. */
async function demandPossession(
  host: Host,
  member: string,
  next: MemberRecord["identity"],
  signed: SignedLike,
  field: string,
): Promise<void> {
  demand(
    signed.signer === member && signed.key === next.key && signed.suite === next.suite,
    "ERR_CONTRACT_KEY_MISMATCH",
    `${field}: must be signed by ${member} with the key it brings`,
    field,
  );
  demand(
    await host.verify(next.publicKey, "application", signed),
    "ERR_CONTRACT_SIGNATURE",
    `${field}: signature does not verify under the key it brings`,
    field,
  );
}

async function demandSuite(host: Host, { suite }: MemberRecord["identity"], field: string): Promise<void> {
  const wanted = await readNetworkSuite(host.store);
  demand(
    suite === wanted,
    "ERR_CONTRACT_SUITE",
    `${field}.suite: keys of this network are of suite ${wanted}, got ${suite}`,
    `${field}.suite`,
  );
}

async function demandAdmissible(
  host: Host,
  tables: NetworkState["attributes"],
  record: MemberRecord,
  field: string,
): Promise<void> {
  const existing = await readMember(host.store, record.id);
  demand(existing === undefined, "ERR_CONTRACT_EXISTS", `${field}.id: ${record.id} is taken`, `${field}.id`);
  await demandNewKey(host, record.identity.key, `${field}.identity.key`);
  for (const [name, value] of Object.entries(record.attributes)) {
    const table = Object.hasOwn(tables, name) ? tables[name] : undefined;
    demand(
      table?.includes(value) === true,
      "ERR_CONTRACT_ATTRIBUTE",
      `${field}.attributes.${name}: ${JSON.stringify(value)} is not in the network's code table`,
      `${field}.attributes`,
    );
  }
  const holder = (await host.store.get(organisationKey(record))) as { member: string } | undefined;
  const held = holder === undefined ? undefined : await readMember(host.store, holder.member);
  demand(
    held === undefined || held.status === "expelled",
    "ERR_CONTRACT_ORGANISATION_EXISTS",
    `${field}.organisation: already a member as ${holder?.member}`,
    `${field}.organisation`,
  );
}

async function demandNewKey(host: Host, key: string, field: string): Promise<void> {
  const known = await readKey(host.store, key);
  demand(known === undefined, "ERR_CONTRACT_EXISTS", `${field}: ${key} is already on this ledger`, field);
}

async function putMember(host: Host, record: MemberRecord): Promise<void> {
  const member: MemberState = { record, status: "active", admitted: written(host), changed: written(host) };
  await host.store.put(keys.member(record.id), member);
  await host.store.put(organisationKey(record), { member: record.id });
  await putKey(host, record.id, record.identity);
}

async function putKey(host: Host, member: string, { key, suite, publicKey }: MemberRecord["identity"]): Promise<void> {
  const state: KeyState = { member, suite, publicKey, from: written(host), state: "current" };
  await host.store.put(keys.key(key), state);
}

// Legal-person codes may hold any character; keys are ASCII.
const organisationKey = (record: MemberRecord): string =>
  keys.organisation(createHash("sha256").update(record.organisation).digest("base64url"));

const withoutState = ({ member, suite, publicKey, from }: KeyState) => ({ member, suite, publicKey, from });
