import { describe, expect, test } from "vitest";
import { signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import {
  admission,
  anchor,
  digest,
  founding,
  keyRecordOf,
  NETWORK,
  publicKeyOf,
  type TestMember,
  testMember,
  transaction,
} from "../../ledger/conformance/fixture.ts";
import {
  coordinator,
  emptyWorld,
  foundedWorld,
  operator,
  providers,
  receiver,
  requester,
  type World,
} from "./_world.ts";
import { readKey, readMember, readNetwork } from "./keys.ts";
import type { TransactionBody } from "./transactions.ts";

describe("founding", () => {
  test("the founder signs the network into being with the key its own record brings", async () => {
    const world = emptyWorld();
    await world.mustRun(founding(operator));
    expect(await readNetwork(world.state)).toMatchObject({ operator: "operator", sequencer: "operator", position: 0 });
    expect(await readKey(world.state, operator.identity.key)).toMatchObject({ member: "operator", state: "current" });
  });

  test("nothing is accepted before it, and it happens once", async () => {
    const world = emptyWorld();
    expect(await world.run(anchor(operator, 0))).toMatchObject({ code: "ERR_CONTRACT_NETWORK" });
    await world.mustRun(founding(operator));
    const again = transaction(operator, "network.found", founding(operator).statement.body as never, "again");
    expect(await world.run(again)).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
  });

  const body = founding(operator).statement.body as TransactionBody<"network.found">;
  test.each<readonly [string, string, Partial<TransactionBody<"network.found">>]>([
    ["its first sequencer is the founder", "ERR_CONTRACT_MISMATCH", { sequencer: "other" }],
    ["its key is the founder's", "ERR_CONTRACT_KEY_MISMATCH", { founder: receiver.record }],
    ["it names one network", "ERR_CONTRACT_NETWORK", { network: "other" }],
    ["names of code tables are codes", "ERR_CONTRACT_SCHEMA", { attributes: { ...body.attributes, "a b": [] } }],
    [
      "names of attributes are codes",
      "ERR_CONTRACT_SCHEMA",
      { founder: { ...body.founder, attributes: { ...body.founder.attributes, "a b": "17" } } },
    ],
    [
      "its founder's attributes are in the tables",
      "ERR_CONTRACT_ATTRIBUTE",
      { founder: { ...body.founder, attributes: { sector: "99" } } },
    ],
  ])("%s (%s)", async (_promise, code, changes) => {
    const outcome = await emptyWorld().run(transaction(operator, "network.found", { ...body, ...changes }));
    expect(outcome).toMatchObject({ ok: false, code });
  });
});

describe("admission", () => {
  const applicant = testMember("applicant", { attributes: { sector: "17" } });
  const application = (member: TestMember, network = NETWORK, by = member) => ({
    application: signStatement(by.identity, "application", { network, member: member.record }),
  });

  test("the operator admits what the applicant signed", async () => {
    const world = await foundedWorld();
    await world.must(operator, "member.admit", application(applicant));
    expect(await readMember(world.state, "applicant")).toMatchObject({ status: "active", record: applicant.record });
    await world.mustRun(anchor(applicant, 0));
  });

  const twin = testMember("twin", { organisation: applicant.record.organisation });
  test.each<readonly [string, string, TestMember, TransactionBody<"member.admit">]>([
    ["only the operator admits", "ERR_CONTRACT_NOT_PERMITTED", receiver, application(applicant)],
    ["an application is for this network", "ERR_CONTRACT_NETWORK", operator, application(applicant, "other")],
    [
      "an application is signed with its own key",
      "ERR_CONTRACT_KEY_MISMATCH",
      operator,
      application(applicant, NETWORK, receiver),
    ],
    ["a member id is taken once", "ERR_CONTRACT_EXISTS", operator, application(receiver)],
    ["an organisation joins once", "ERR_CONTRACT_ORGANISATION_EXISTS", operator, application(twin)],
    [
      "attributes are in the code tables",
      "ERR_CONTRACT_ATTRIBUTE",
      operator,
      application(testMember("x", { attributes: { sector: "99" } })),
    ],
    ...["https://", "https://a b", "https://a/path", "https://user@a", "https://a\u001b[2J", "https://a?x"].map(
      (endpoint) =>
        [
          `an endpoint is host and port only: ${JSON.stringify(endpoint)}`,
          "ERR_CONTRACT_SCHEMA",
          operator,
          application(testMember("x", { endpoint })),
        ] as const,
    ),
    [
      "attributes are the network's",
      "ERR_CONTRACT_ATTRIBUTE",
      operator,
      application(testMember("x", { attributes: { constructor: "17" } })),
    ],
    [
      "names of attributes are codes",
      "ERR_CONTRACT_SCHEMA",
      operator,
      application(testMember("x", { attributes: { "a b": { any: ["thing"] } as never } })),
    ],
  ])("%s (%s)", async (_promise, code, author, body) => {
    const world = await foundedWorld();
    await world.must(operator, "member.admit", application(applicant));
    expect(await world.submit(author, "member.admit", body)).toMatchObject({ ok: false, code });
  });

  test("an altered application is refused", async () => {
    const world = await foundedWorld();
    const { application: honest } = application(applicant);
    const altered = {
      ...honest,
      statement: { ...honest.statement, member: { ...applicant.record, kind: "government" as const } },
    };
    expect(await world.submit(operator, "member.admit", { application: altered })).toMatchObject({
      code: "ERR_CONTRACT_SIGNATURE",
    });
  });

  test("a key that is on the ledger brings no second member", async () => {
    const world = await foundedWorld();
    const thief = { ...receiver, id: "thief", identity: { ...receiver.identity, member: "thief" } };
    const record = { ...receiver.record, id: "thief", organisation: "thief's" };
    expect(await world.submit(operator, "member.admit", application({ ...thief, record }))).toMatchObject({
      code: "ERR_CONTRACT_EXISTS",
      field: "application.statement.member.identity.key",
    });
  });
});

describe("suspension", () => {
  const [provider] = providers;
  const body = { member: provider!.id, reason: "unpaid" };

  test("a suspended member writes nothing until it is reinstated", async () => {
    const world = await foundedWorld();
    await world.must(operator, "member.suspend", body);
    expect(await world.submit(provider!, "access.anchor", { from: 0, to: 1, root: digest("r") })).toMatchObject({
      code: "ERR_CONTRACT_MEMBER_INACTIVE",
    });
    await world.must(operator, "member.reinstate", body);
    await world.mustRun(anchor(provider!, 0));
  });

  test("only the operator suspends and reinstates, each from the other state, and not itself", async () => {
    const world = await foundedWorld();
    expect(await world.submit(receiver, "member.suspend", body)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    expect(await world.submit(receiver, "member.reinstate", body)).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    expect(await world.submit(operator, "member.reinstate", body)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    expect(await world.submit(operator, "member.suspend", { ...body, member: operator.id })).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    expect(await world.submit(operator, "member.suspend", { ...body, member: "nobody" })).toMatchObject({
      code: "ERR_CONTRACT_NOT_FOUND",
    });
    await world.must(operator, "member.suspend", body);
    expect(await world.submit(operator, "member.suspend", body)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });
});

describe("keys", () => {
  const seed = new Uint8Array(32).fill(7);
  const nextIdentity = signingIdentity(receiver.id, "intl", seed);
  const renewed: TestMember = { ...receiver, identity: nextIdentity };
  const next = { key: nextIdentity.key, suite: "intl" as const, publicKey: publicKeyOf(nextIdentity) };
  const statement = { member: receiver.id, replaces: receiver.identity.key, next: next.key };
  const rotation = (by = nextIdentity, changes: Partial<typeof statement> = {}): TransactionBody<"key.rotate"> => ({
    next,
    tls: digest("new certificate"),
    proof: signStatement(by, "application", { ...statement, ...changes }),
  });

  test("after a rotation the new key signs and the old one does not", async () => {
    const world = await foundedWorld();
    await world.must(receiver, "key.rotate", rotation());
    expect(await world.submit(receiver, "access.anchor", { from: 0, to: 1, root: digest("r") })).toMatchObject({
      code: "ERR_CONTRACT_KEY_REPLACED",
    });
    await world.mustRun(anchor(renewed, 0));
    expect(await readMember(world.state, receiver.id)).toMatchObject({
      record: { identity: next, tls: digest("new certificate") },
    });
  });

  test("a rotation proves possession of the next key and names what it replaces", async () => {
    const world = await foundedWorld();
    const rotate = (body: TransactionBody<"key.rotate">) => world.submit(receiver, "key.rotate", body);
    expect(await rotate(rotation(receiver.identity))).toMatchObject({ code: "ERR_CONTRACT_KEY_MISMATCH" });
    expect(await rotate(rotation(nextIdentity, { member: "other" }))).toMatchObject({ code: "ERR_CONTRACT_MISMATCH" });
    expect(await rotate(rotation(nextIdentity, { replaces: next.key }))).toMatchObject({
      code: "ERR_CONTRACT_MISMATCH",
    });
    const forged = {
      ...rotation(),
      proof: { ...rotation().proof, signature: rotation(receiver.identity).proof.signature },
    };
    expect(await rotate(forged)).toMatchObject({ code: "ERR_CONTRACT_SIGNATURE" });
  });

  test("the sequencer's rotation moves the network to another suite; from then on new keys are of that one", async () => {
    const world = await foundedWorld();
    const nextOf = (member: TestMember, suite: SuiteId) =>
      signingIdentity(member.id, suite, new Uint8Array(32).fill(member.id.charCodeAt(0)));
    const rotationOf = (member: TestMember, suite: SuiteId): TransactionBody<"key.rotate"> => {
      const identity = nextOf(member, suite);
      const named = { member: member.id, replaces: member.identity.key, next: identity.key };
      return { next: keyRecordOf(identity), proof: signStatement(identity, "application", named) };
    };
    const applicant = testMember("newcomer", {}, "gm");
    const application = signStatement(applicant.identity, "application", {
      network: NETWORK,
      member: applicant.record,
    });
    const early = await world.submit(operator, "member.admit", { application });
    expect(early).toMatchObject({ code: "ERR_CONTRACT_SUITE" });
    expect(await world.submit(receiver, "key.rotate", rotationOf(receiver, "gm"))).toMatchObject({
      code: "ERR_CONTRACT_SUITE",
    });
    await world.must(operator, "key.rotate", rotationOf(operator, "gm"));
    const moved: TestMember = { ...operator, identity: nextOf(operator, "gm") };
    await world.mustRun(anchor(receiver, 0));
    expect(await world.submit(receiver, "key.rotate", rotationOf(receiver, "intl"))).toMatchObject({
      code: "ERR_CONTRACT_SUITE",
    });
    await world.must(receiver, "key.rotate", rotationOf(receiver, "gm"));
    await world.must(moved, "member.admit", { application });
  });

  test("a key of one suite under another's name is no key", async () => {
    const world = await foundedWorld();
    const wrong = { ...next, suite: "gm" as const };
    const body = { ...rotation(), next: wrong, proof: { ...rotation().proof, suite: "gm" as const } };
    expect(await world.submit(operator, "key.rotate", body)).toMatchObject({ ok: false });
    expect(await world.submit(receiver, "key.rotate", body)).toMatchObject({ ok: false });
  });

  test("nobody rotates to a key that is on the ledger", async () => {
    const world = await foundedWorld();
    const own = { member: receiver.id, replaces: receiver.identity.key, next: receiver.identity.key };
    const body = { next: receiver.record.identity, proof: signStatement(receiver.identity, "application", own) };
    expect(await world.submit(receiver, "key.rotate", body)).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
  });

  test("a resubmission from before a rotation is answered with its first position", async () => {
    const world = await foundedWorld();
    const first = anchor(receiver, 0);
    await world.mustRun(first);
    await world.must(receiver, "key.rotate", rotation());
    expect(await world.run(first)).toMatchObject({ ok: true, repeats: expect.any(Number) });
  });

  test("a revoked key signs nothing any more", async () => {
    const world = await foundedWorld();
    const body = { member: receiver.id, key: receiver.identity.key, reason: "lost" };
    await world.must(operator, "key.revoke", body);
    expect(await world.submit(receiver, "access.anchor", { from: 0, to: 1, root: digest("r") })).toMatchObject({
      code: "ERR_CONTRACT_KEY_REVOKED",
    });
    expect(await world.submit(operator, "key.revoke", body)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });

  test("only the member and the operator revoke, and only the member's keys", async () => {
    const world = await foundedWorld();
    const body = { member: receiver.id, key: receiver.identity.key, reason: "lost" };
    expect(await world.submit(requester, "key.revoke", body)).toMatchObject({ code: "ERR_CONTRACT_NOT_PERMITTED" });
    expect(await world.submit(operator, "key.revoke", { ...body, member: requester.id })).toMatchObject({
      code: "ERR_CONTRACT_MISMATCH",
    });
    expect(await world.submit(operator, "key.revoke", { ...body, key: "A".repeat(22) })).toMatchObject({
      code: "ERR_CONTRACT_NOT_FOUND",
    });
    await world.must(receiver, "key.revoke", body);
  });
});

describe("votes", () => {
  // 14 members: eight are a majority.
  const voters = [requester, receiver, ...providers];
  const expulsion = { kind: "expel-member" as const, member: coordinator.id };
  const castAll = async (world: World, proposal: TransactionBody<"vote.cast">["proposal"], count: number) => {
    for (const voter of voters.slice(0, count)) await world.must(voter, "vote.cast", { proposal, choice: "for" });
  };

  test("a member is expelled when more than half of the active members are for it", async () => {
    const world = await foundedWorld();
    await castAll(world, expulsion, 7);
    await world.must(operator, "vote.cast", { proposal: expulsion, choice: "against" });
    expect((await readMember(world.state, coordinator.id))?.status).toBe("active");
    await world.must(voters[7]!, "vote.cast", { proposal: expulsion, choice: "for" });
    expect((await readMember(world.state, coordinator.id))?.status).toBe("expelled");
    expect(await world.submit(voters[8]!, "vote.cast", { proposal: expulsion, choice: "for" })).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
  });

  test("a repeated vote counts once, a changed one as it stands", async () => {
    const world = await foundedWorld();
    await castAll(world, expulsion, 7);
    await world.must(voters[0]!, "vote.cast", { proposal: expulsion, choice: "for" });
    await world.must(voters[1]!, "vote.cast", { proposal: expulsion, choice: "against" });
    await world.must(voters[7]!, "vote.cast", { proposal: expulsion, choice: "for" });
    expect((await readMember(world.state, coordinator.id))?.status).toBe("active");
  });

  test("a vote counts for 30 days of ordering time; voting again renews it", async () => {
    const world = await foundedWorld();
    const days = (count: number) => count * 24 * 60;
    await castAll(world, expulsion, 7);
    world.clock = days(20);
    // The first one says it again.
    await world.must(voters[0]!, "vote.cast", { proposal: expulsion, choice: "for" });
    world.clock = days(31);
    await world.must(voters[7]!, "vote.cast", { proposal: expulsion, choice: "for" });
    expect(await readMember(world.state, coordinator.id)).toMatchObject({ status: "active" });
    for (const voter of voters.slice(1, 6))
      await world.must(voter, "vote.cast", { proposal: expulsion, choice: "for" });
    expect(await readMember(world.state, coordinator.id)).toMatchObject({ status: "active" });
    world.clock = days(49);
    await world.must(voters[6]!, "vote.cast", { proposal: expulsion, choice: "for" });
    expect(await readMember(world.state, coordinator.id)).toMatchObject({ status: "expelled" });
  });

  test("votes of members that are no longer active do not count", async () => {
    const world = await foundedWorld();
    await castAll(world, expulsion, 7);
    await world.must(operator, "member.suspend", { member: voters[0]!.id, reason: "unpaid" });
    await world.must(voters[7]!, "vote.cast", { proposal: expulsion, choice: "for" });
    // Seven of 13 active members.
    expect((await readMember(world.state, coordinator.id))?.status).toBe("expelled");
  });

  test("an expelled organisation can be admitted again under a new id", async () => {
    const world = await foundedWorld();
    await castAll(world, expulsion, 8);
    const returned = testMember("returned", { organisation: coordinator.record.organisation });
    await world.mustRun(admission(operator, returned));
  });

  test("a carried replacement moves the sequencer, and the operator with it", async () => {
    const world = await foundedWorld();
    const proposal = {
      kind: "replace-sequencer" as const,
      sequencer: coordinator.id,
      from: { size: 14, root: digest("root") },
    };
    await castAll(world, proposal, 8);
    expect(await readNetwork(world.state)).toMatchObject({ sequencer: coordinator.id, operator: coordinator.id });
    await world.mustRun(admission(coordinator, testMember("later")));
  });

  test("a replacement does not move the network to another suite, neither when proposed nor when carried", async () => {
    const world = await foundedWorld();
    const rotationOf = (member: TestMember): [TestMember, TransactionBody<"key.rotate">] => {
      const identity = signingIdentity(member.id, "gm", new Uint8Array(32).fill(member.id.length));
      const named = { member: member.id, replaces: member.identity.key, next: identity.key };
      const proof = signStatement(identity, "application", named);
      return [
        { ...member, identity },
        { next: keyRecordOf(identity), proof },
      ];
    };
    const proposal = (sequencer: string) => ({
      kind: "replace-sequencer" as const,
      sequencer,
      from: { size: 14, root: digest("root") },
    });
    await castAll(world, proposal(coordinator.id), 7);
    await world.must(operator, "key.rotate", rotationOf(operator)[1]);
    const last = { proposal: proposal(coordinator.id), choice: "for" as const };
    const refusal = { code: "ERR_CONTRACT_SUITE", field: "proposal.sequencer" };
    expect(await world.submit(voters[7]!, "vote.cast", last)).toMatchObject(refusal);
    const fresh = { proposal: proposal(requester.id), choice: "for" as const };
    expect(await world.submit(voters[7]!, "vote.cast", fresh)).toMatchObject(refusal);
    expect(await readNetwork(world.state)).toMatchObject({ sequencer: operator.id });
    // Once the candidate has followed, the votes that it has count.
    await world.must(coordinator, "key.rotate", rotationOf(coordinator)[1]);
    await world.must(voters[7]!, "vote.cast", last);
    expect(await readNetwork(world.state)).toMatchObject({ sequencer: coordinator.id });
  });

  test("a proposal makes sense", async () => {
    const world = await foundedWorld();
    const vote = (proposal: TransactionBody<"vote.cast">["proposal"]) =>
      world.submit(requester, "vote.cast", { proposal, choice: "for" });
    const replace = (sequencer: string, size = 0) =>
      vote({ kind: "replace-sequencer", sequencer, from: { size, root: digest("root") } });
    expect(await replace("operator")).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    expect(await replace("nobody")).toMatchObject({ code: "ERR_CONTRACT_UNKNOWN_MEMBER" });
    expect(await replace(coordinator.id, 99)).toMatchObject({ code: "ERR_CONTRACT_RANGE" });
    expect(await vote({ kind: "expel-member", member: "nobody" })).toMatchObject({ code: "ERR_CONTRACT_NOT_FOUND" });
    expect(await vote({ kind: "expel-member", member: "operator" })).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    await castAll(world, expulsion, 8);
    const later = { proposal: expulsion, choice: "against" as const };
    expect(await world.submit(receiver, "vote.cast", later)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });
});
