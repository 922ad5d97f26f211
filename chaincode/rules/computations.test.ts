import { describe, expect, test } from "vitest";
import { digest, testMember, uuid } from "../../ledger/conformance/fixture.ts";
import {
  agreedWorld,
  agreementBody,
  agreementOf,
  assetOf,
  COMPUTATION,
  closeBody,
  closedWorld,
  coordinator,
  countedWorld,
  decisionBody,
  header,
  maskedWorld,
  minutes,
  openedWorld,
  openingBody,
  operator,
  providers,
  REQUEST,
  receiptFor,
  receiver,
  receiverKey,
  registryCells,
  releaseBody,
  requestBody,
  requestedWorld,
  requester,
  setBody,
  type World,
} from "./_world.ts";
import {
  countAssetUses,
  keys,
  readAgreementUses,
  readComputation,
  readComputationOpened,
  readComputationStep,
  readResult,
} from "./keys.ts";
import type { TransactionBody } from "./transactions.ts";

type Opening = TransactionBody<"computation.open">;
const open = (world: World, changes: Partial<Opening>) =>
  world.submit(requester, "computation.open", openingBody(changes));
const stateOf = async (world: World) => (await readComputation(world.state, COMPUTATION))?.state;

describe("opening", () => {
  test("a counted computation over ten live agreements is opened and counts as a use of each", async () => {
    const world = await openedWorld();
    expect(await stateOf(world)).toBe("opened");
    expect(await readAgreementUses(world.state, agreementOf(providers[0]!))).toHaveLength(1);
  });

  test("a computation is of the network's suite, named or by default", async () => {
    const world = await agreedWorld();
    expect(await open(world, { suite: "gm" })).toMatchObject({ code: "ERR_CONTRACT_SUITE", field: "suite" });
    expect(await open(world, { suite: "intl" })).toMatchObject({ ok: true });
  });

  const withCohort = (change: (entry: Opening["cohort"][number], at: number) => Opening["cohort"][number]) => ({
    cohort: openingBody().cohort.map(change),
  });
  const constants = (changes: Partial<Opening["constants"]>) => ({
    constants: { ...openingBody().constants, ...changes },
  });
  const deadlines = (changes: Partial<Opening["deadlines"]>) => ({
    deadlines: { ...openingBody().deadlines, ...changes },
  });
  const dimension = { name: "sector", size: 3, attribute: { name: "sector", values: ["17", "18", "28"] } };
  const cells = (...dimensions: Opening["cells"]["dimensions"]) => ({
    cells: { mode: "counted" as const, dimensions },
  });
  const refused: readonly (readonly [promise: string, code: string, changes: Partial<Opening>])[] = [
    ["coordinator and receiver are different", "ERR_CONTRACT_ROLES", { coordinator: receiver.id }],
    ["direct mode means that the requester receives", "ERR_CONTRACT_ROLES", { receiverMode: "direct" }],
    ["an auditor is not of the coordinator's group", "ERR_CONTRACT_ROLES", { auditor: coordinator.id }],
    ["the coordinator's group is not in the cohort", "ERR_CONTRACT_ROLES", { coordinator: providers[3]!.id }],
    ["the receiver is the request's", "ERR_CONTRACT_MISMATCH", { receiver: coordinator.id }],
    ["the coordinator is a member", "ERR_CONTRACT_UNKNOWN_MEMBER", { coordinator: "nobody" }],
    [
      "the receiver's key is signed by the receiver",
      "ERR_CONTRACT_RECEIVER_KEY",
      { receiverKey: receiverKey(COMPUTATION, requester) },
    ],
    [
      "the receiver's key is for this computation",
      "ERR_CONTRACT_RECEIVER_KEY",
      { receiverKey: receiverKey(uuid("other")) },
    ],
    [
      "the receiver's key is of the computation's suite",
      "ERR_CONTRACT_SUITE",
      { receiverKey: receiverKey(COMPUTATION, receiver, "A".repeat(88)) },
    ],
    ["the cohort ascends", "ERR_CONTRACT_COHORT_ORDER", { cohort: [...openingBody().cohort].reverse() }],
    [
      "a member takes part once",
      "ERR_CONTRACT_COHORT_ORDER",
      withCohort((entry, at) => (at === 1 ? openingBody().cohort[0]! : entry)),
    ],
    [
      "the holding group is the ledger's",
      "ERR_CONTRACT_MISMATCH",
      withCohort((entry) => ({ ...entry, holdingGroup: "other" })),
    ],
    [
      "the agreement is the member's own",
      "ERR_CONTRACT_MISMATCH",
      withCohort((entry) => ({ ...entry, agreement: agreementOf(providers[0]!) })),
    ],
    ["the agreement exists", "ERR_CONTRACT_NOT_FOUND", withCohort((entry) => ({ ...entry, agreement: uuid("none") }))],
    [
      "the agreement is for this version",
      "ERR_CONTRACT_MISMATCH",
      withCohort((entry) => ({ ...entry, assetVersion: 2 })),
    ],
    ["members is the cohort's size", "ERR_CONTRACT_CONSTANTS", constants({ members: 9 })],
    ["threshold is two thirds and one", "ERR_CONTRACT_CONSTANTS", constants({ threshold: 6 })],
    ["quorum is two thirds and one", "ERR_CONTRACT_CONSTANTS", constants({ quorum: 6 })],
    ["need is max(m, 3 + c)", "ERR_CONTRACT_CONSTANTS", constants({ need: 3 })],
    ["need is not above the cohort", "ERR_CONTRACT_CONSTANTS", constants({ minimumOrganisations: 11, need: 11 })],
    ["drops stay above the quorum", "ERR_CONTRACT_CONSTANTS", constants({ drops: 4 })],
    ["deadlines ascend", "ERR_CONTRACT_DEADLINE", deadlines({ shares: minutes(10) })],
    ["deadlines are in the future", "ERR_CONTRACT_DEADLINE", deadlines({ keys: minutes(0) })],
    ["deadlines are on the calendar", "ERR_CONTRACT_INSTANT", deadlines({ keys: "2026-02-31T00:00:00Z" })],
    [
      "agreements last until the last contribution",
      "ERR_CONTRACT_AGREEMENT",
      deadlines({ contribution2: minutes(3000), release: minutes(3001) }),
    ],
    [
      "a registry dimension is an attribute of the network",
      "ERR_CONTRACT_CELLS",
      cells({ ...dimension, attribute: { name: "region", values: ["17", "18", "28"] } }),
    ],
    ["a registry dimension has as many values as digits", "ERR_CONTRACT_CELLS", cells({ ...dimension, size: 2 })],
    [
      "a registry value is in the code table",
      "ERR_CONTRACT_CELLS",
      cells({ ...dimension, attribute: { name: "sector", values: ["17", "18", "99"] } }),
    ],
    [
      "a registry value appears once",
      "ERR_CONTRACT_CELLS",
      cells({ ...dimension, attribute: { name: "sector", values: ["17", "17", "28"] } }),
    ],
    ["a dimension appears once", "ERR_CONTRACT_CELLS", cells(dimension, dimension)],
    [
      "there are not more atoms than a contribution carries",
      "ERR_CONTRACT_CELLS",
      cells({ name: "a", size: 100_000 }, { name: "b", size: 100_000 }),
    ],
    ["nothing is restarted that did not run", "ERR_CONTRACT_RESTART", { restartOf: uuid("none") }],
  ];
  test.each(refused)("%s (%s)", async (_promise, code, changes) => {
    const world = await agreedWorld();
    expect(await open(world, changes)).toMatchObject({ ok: false, code });
  });

  test("only the requester opens, and only once per request", async () => {
    const world = await agreedWorld();
    expect(await world.submit(receiver, "computation.open", openingBody())).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    await world.must(requester, "computation.open", openingBody());
    expect(await open(world, {})).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
    const second = uuid("second");
    expect(await open(world, { computation: second, receiverKey: receiverKey(second) })).toMatchObject({
      code: "ERR_CONTRACT_RESTART",
    });
  });

  test("a cohort of four needs c = 0", async () => {
    const world = await agreedWorld();
    const small = { members: 4, threshold: 3, quorum: 3, minimumOrganisations: 3 };
    const cohort = openingBody().cohort.slice(0, 4);
    expect(await open(world, { cohort, ...constants({ ...small, need: 4 }) })).toMatchObject({
      code: "ERR_CONTRACT_CONSTANTS",
      field: "constants.colluders",
    });
    expect(await open(world, { cohort, ...constants({ ...small, colluders: 0, need: 3 }) })).toEqual({ ok: true });
  });

  test("assets of equal unit domains are not summed together", async () => {
    const world = await agreedWorld();
    const key = `asset-version/${assetOf(providers[1]!)}/1`;
    await world.state.put(key, { ...((await world.state.get(key)) as object), unitDomain: "domain-provider-0" });
    expect(await open(world, {})).toMatchObject({ code: "ERR_CONTRACT_UNIT_DOMAIN" });
  });

  test("one node per holding group takes part", async () => {
    const world = await agreedWorld();
    const member = (await world.state.get("member/provider-1")) as { record: object };
    await world.state.put("member/provider-1", {
      ...member,
      record: { ...member.record, holdingGroup: "group-provider-0" },
    });
    const cohort = openingBody().cohort.map((entry, at) =>
      at === 1 ? { ...entry, holdingGroup: "group-provider-0" } : entry,
    );
    expect(await open(world, { cohort })).toMatchObject({ code: "ERR_CONTRACT_HOLDING_GROUP" });
  });

  test("a revoked agreement, a suspended member and a withdrawn asset take no part", async () => {
    const revoked = await agreedWorld();
    await revoked.must(providers[0]!, "agreement.revoke", { agreement: agreementOf(providers[0]!), reason: "changed" });
    expect(await open(revoked, {})).toMatchObject({ code: "ERR_CONTRACT_AGREEMENT" });
    const suspended = await agreedWorld();
    await suspended.must(operator, "member.suspend", { member: providers[0]!.id, reason: "unpaid" });
    expect(await open(suspended, {})).toMatchObject({ code: "ERR_CONTRACT_MEMBER_INACTIVE" });
    const withdrawn = await agreedWorld();
    await withdrawn.must(providers[0]!, "asset.withdraw", { asset: assetOf(providers[0]!), reason: "old" });
    expect(await open(withdrawn, {})).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });

  test("direct mode allows one partition dimension", async () => {
    const world = await agreedWorld();
    const two = [
      { name: "a", size: 2 },
      { name: "b", size: 2 },
    ];
    const outcome = await open(world, { receiverMode: "direct", cells: { mode: "counted", dimensions: two } });
    expect(outcome).toMatchObject({ code: "ERR_CONTRACT_CELLS" });
  });

  test("a failed computation is restarted by naming it, at most three times", async () => {
    const world = await openedWorld();
    let latest = COMPUTATION;
    for (const at of [1, 2, 3, 4]) {
      await world.must(coordinator, "computation.fail", { computation: latest, reason: "timeout" });
      const next = uuid(`restart ${at}`);
      const outcome = await open(world, { computation: next, receiverKey: receiverKey(next), restartOf: latest });
      if (at === 4) expect(outcome).toMatchObject({ code: "ERR_CONTRACT_RESTART" });
      else expect(outcome).toEqual({ ok: true });
      latest = next;
    }
  });

  test("an agreement is used no more often than it says; runs that failed early do not count", async () => {
    const world = await agreedWorld({ maxUses: 1 });
    await world.must(requester, "computation.open", openingBody());
    await world.must(coordinator, "computation.fail", { computation: COMPUTATION, reason: "timeout" });
    const next = uuid("next");
    expect(await open(world, { computation: next, receiverKey: receiverKey(next), restartOf: COMPUTATION })).toEqual({
      ok: true,
    });
    const uses = await readAgreementUses(world.state, agreementOf(providers[0]!));
    expect(uses).toHaveLength(2);
    const key = `computation/${COMPUTATION}`;
    const failed = (await world.state.get(key)) as { failure: object };
    await world.state.put(key, { ...failed, failure: { ...failed.failure, afterClose: true } });
    await world.state.put(`asset-uses/${assetOf(providers[0]!)}`, { uses: 2 });
    await world.must(coordinator, "computation.fail", { computation: next, reason: "timeout" });
    const last = uuid("last");
    expect(await open(world, { computation: last, receiverKey: receiverKey(last), restartOf: next })).toMatchObject({
      code: "ERR_CONTRACT_AGREEMENT_USED_UP",
    });
  });

  test("under a limit no opening reads the history of uses again, and a revoked run gives its use back", async () => {
    const world = await agreedWorld({ maxUses: 2 });
    const asset = assetOf(providers[0]!);
    // Before the first limit nothing was counted.
    await world.state.put(`asset-use/${asset}/${uuid("before")}`, { isUse: true });
    await world.must(requester, "computation.open", openingBody());
    expect(await countAssetUses(world.state, asset)).toBe(2);
    const range = world.state.range.bind(world.state);
    world.state.range = (prefix) => {
      expect(prefix).not.toMatch(/^asset-use/);
      return range(prefix);
    };
    await world.must(coordinator, "computation.fail", { computation: COMPUTATION, reason: "timeout" });
    expect(await countAssetUses(world.state, asset)).toBe(1);
    const next = uuid("next");
    const again = { computation: next, receiverKey: receiverKey(next), restartOf: COMPUTATION };
    expect(await open(world, again)).toEqual({ ok: true });
    expect(await countAssetUses(world.state, asset)).toBe(2);
    const revoke = { agreement: agreementOf(providers[0]!), reason: "changed" };
    await world.must(providers[0]!, "agreement.revoke", revoke);
    expect(await countAssetUses(world.state, asset)).toBe(1);
  });

  test("of a hundred requests that were agreed on at the same time a quota of ten lets exactly ten run", async () => {
    const world = await requestedWorld();
    const requests = Array.from({ length: 100 }, (_, at) => uuid(`request ${at}`));
    for (const request of requests) {
      await world.must(requester, "request.submit", { ...requestBody(), request });
      for (const provider of providers) {
        const agreement = agreementOf(provider, request);
        await world.must(provider, "decision.record", { ...decisionBody(provider), request });
        await world.must(provider, "agreement.conclude", agreementBody(provider, { agreement, request, maxUses: 10 }));
      }
    }
    const keyFor = (computation: string, request: string) => receiverKey(computation, receiver, undefined, request);
    const openOne = (request: string) => {
      const computation = uuid(`computation of ${request}`);
      const cohort = openingBody().cohort.map((entry, at) => ({
        ...entry,
        agreement: agreementOf(providers[at]!, request),
      }));
      return open(world, { computation, request, cohort, receiverKey: keyFor(computation, request) });
    };
    const outcomes = [];
    for (const request of requests) outcomes.push(await openOne(request));
    expect(outcomes.filter((outcome) => "ok" in outcome && outcome.ok)).toHaveLength(10);
    expect(outcomes.at(-1)).toMatchObject({ code: "ERR_CONTRACT_AGREEMENT_USED_UP" });
    // One that failed before its values were sent gives its use back, once.
    const [first] = requests;
    await world.must(coordinator, "computation.fail", {
      computation: uuid(`computation of ${first}`),
      reason: "timeout",
    });
    expect(await openOne(requests[50]!)).toEqual({ ok: true });
    expect(await openOne(requests[51]!)).toMatchObject({ code: "ERR_CONTRACT_AGREEMENT_USED_UP" });
  });
});

describe("rounds", () => {
  test("a counted computation goes from opened to released", async () => {
    const world = await closedWorld();
    await world.must(receiver, "result.release", releaseBody());
    expect(await stateOf(world)).toBe("released");
    expect(await readResult(world.state, COMPUTATION)).toMatchObject({ outcome: "released" });
  });

  test("steps come in order, from the coordinator only", async () => {
    const world = await openedWorld();
    expect(await world.submit(coordinator, "computation.maskset", setBody(providers))).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
    expect(await world.submit(requester, "computation.keyset", setBody(providers))).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    await world.must(coordinator, "computation.keyset", setBody(providers));
    expect(await world.submit(coordinator, "computation.keyset", setBody(providers))).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
    expect(await world.submit(coordinator, "computation.close", closeBody(1, providers))).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
  });

  test("a set is ascending, inside the one before, and at least the quorum", async () => {
    const world = await openedWorld();
    const keyset = (members: Parameters<typeof setBody>[0]) =>
      world.submit(coordinator, "computation.keyset", setBody(members));
    expect(await keyset([...providers].reverse())).toMatchObject({ code: "ERR_CONTRACT_MEMBER_SET" });
    expect(await keyset([...providers, testMember("zz")])).toMatchObject({ code: "ERR_CONTRACT_MEMBER_SET" });
    expect(await keyset([providers[0]!, ...providers])).toMatchObject({ code: "ERR_CONTRACT_MEMBER_SET" });
    expect(await keyset(providers.slice(0, 6))).toMatchObject({ code: "ERR_CONTRACT_QUORUM" });
    await world.must(coordinator, "computation.keyset", setBody(providers.slice(0, 8)));
    expect(await world.submit(coordinator, "computation.maskset", setBody(providers))).toMatchObject({
      code: "ERR_CONTRACT_MEMBER_SET",
    });
  });

  test("a step after its time is refused", async () => {
    const world = await openedWorld();
    world.clock = 20;
    expect(await world.submit(coordinator, "computation.keyset", setBody(providers))).toMatchObject({
      code: "ERR_CONTRACT_TOO_LATE",
    });
  });

  test("a phase is closed at the deadline or when complete", async () => {
    const world = await maskedWorld();
    const partial = closeBody(1, providers.slice(0, 8));
    expect(await world.submit(coordinator, "computation.close", partial)).toMatchObject({
      code: "ERR_CONTRACT_TOO_EARLY",
    });
    world.clock = 30;
    await world.must(coordinator, "computation.close", partial);
    expect(await readComputationStep(world.state, COMPUTATION, "close-1")).toMatchObject({
      members: providers.slice(0, 8).map(({ id }) => id),
    });
  });

  test("headers are the members' own, of this phase, computation and one context", async () => {
    const world = await maskedWorld();
    const close = (at: number, forged: ReturnType<typeof header>) => {
      const body = closeBody(1, providers);
      return world.submit(coordinator, "computation.close", {
        ...body,
        headers: body.headers.map((one, index) => (index === at ? forged : one)),
      });
    };
    const [, second] = providers;
    const code = "ERR_CONTRACT_HEADER";
    expect(await close(1, header(second!, 2))).toMatchObject({ code });
    expect(await close(1, header(second!, 1, { computation: uuid("other") }))).toMatchObject({ code });
    expect(await close(1, header(second!, 1, { context: digest("other") }))).toMatchObject({ code });
    expect(await close(1, { ...header(providers[2]!, 1), signer: second!.id })).toMatchObject({ code });
    expect(await close(1, header(providers[0]!, 1))).toMatchObject({ code: "ERR_CONTRACT_MEMBER_SET" });
  });

  test("phase 2 keeps to the survivors of phase 1", async () => {
    const world = await maskedWorld();
    world.clock = 30;
    await world.must(coordinator, "computation.close", closeBody(1, providers.slice(0, 8)));
    expect(await world.submit(coordinator, "computation.close", closeBody(2, providers.slice(0, 8)))).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
    await world.must(coordinator, "computation.counts", { computation: COMPUTATION, digest: digest("counts") });
    expect(await world.submit(coordinator, "computation.close", closeBody(2, providers))).toMatchObject({
      code: "ERR_CONTRACT_MEMBER_SET",
    });
    await world.must(coordinator, "computation.close", closeBody(2, providers.slice(0, 8)));
    expect(await stateOf(world)).toBe("closed2");
  });

  test("registry mode gets its bitmap from the contract and goes straight to phase 2", async () => {
    const world = await maskedWorld({ cells: registryCells });
    // 17 has five, 28 has four, 18 has one: the one left out would follow from a total, so 28 joins it.
    expect(await readComputationStep(world.state, COMPUTATION, "maskset")).toMatchObject({
      bitmap: Buffer.from([0b001]).toString("base64url"),
      atoms: 3,
      included: 1,
    });
    expect(await world.submit(coordinator, "computation.close", closeBody(1, providers))).toMatchObject({
      code: "ERR_CONTRACT_STATE",
    });
    await world.must(coordinator, "computation.close", closeBody(2, providers));
    expect(await stateOf(world)).toBe("closed2");
  });

  test("registry attributes are those pinned at the opening", async () => {
    const world = await openedWorld({ cells: registryCells });
    const member = (await world.state.get("member/provider-0")) as { record: object };
    await world.state.put("member/provider-0", {
      ...member,
      record: { ...member.record, attributes: { sector: "18" } },
    });
    await world.must(coordinator, "computation.keyset", setBody(providers));
    await world.must(coordinator, "computation.maskset", setBody(providers));
    expect(await readComputationStep(world.state, COMPUTATION, "maskset")).toMatchObject({ included: 1 });
  });

  test("survivors that leave an included cell below its minimum close nothing", async () => {
    const world = await maskedWorld({ cells: registryCells });
    world.clock = 40;
    const survivors = providers.slice(2);
    expect(await world.submit(coordinator, "computation.close", closeBody(2, survivors))).toMatchObject({
      code: "ERR_CONTRACT_CELL_MINIMUM",
    });
  });
});

describe("omission", () => {
  const left = providers[9]!;

  test("an omitted holder of the coordinator's receipt stops the release", async () => {
    const world = await closedWorld();
    const receipt = receiptFor(left, 2, minutes(39));
    await world.must(left, "computation.omitted", { computation: COMPUTATION, phase: 2, receipt });
    expect(
      await world.submit(left, "computation.omitted", { computation: COMPUTATION, phase: 2, receipt }),
    ).toMatchObject({ code: "ERR_CONTRACT_EXISTS" });
    expect(await world.submit(receiver, "result.release", releaseBody())).toMatchObject({
      code: "ERR_CONTRACT_OMITTED",
    });
    await world.must(receiver, "result.withhold", {
      computation: COMPUTATION,
      request: REQUEST,
      reasons: ["member-omitted"],
    });
  });

  test("a receipt must be the coordinator's, the author's, in time, and for one who was left out", async () => {
    const world = await closedWorld();
    const omitted = (author: typeof left, receipt: ReturnType<typeof receiptFor>, phase: 1 | 2 = 2) =>
      world.submit(author, "computation.omitted", { computation: COMPUTATION, phase, receipt });
    const code = "ERR_CONTRACT_RECEIPT";
    expect(await omitted(left, receiptFor(left, 2, minutes(39), left))).toMatchObject({ code });
    expect(await omitted(left, receiptFor(providers[0]!, 2, minutes(39)))).toMatchObject({ code });
    expect(await omitted(left, receiptFor(left, 1, minutes(39)))).toMatchObject({ code });
    expect(await omitted(left, receiptFor(left, 2, minutes(42)))).toMatchObject({ code });
    const [inside] = providers;
    expect(await omitted(inside!, receiptFor(inside!, 2, minutes(39)))).toMatchObject({
      code: "ERR_CONTRACT_MEMBER_SET",
    });
    expect(await omitted(left, receiptFor(left, 1, minutes(0)), 1)).toMatchObject({ code: "ERR_CONTRACT_MEMBER_SET" });
  });

  test("an open phase omits nobody", async () => {
    const world = await maskedWorld();
    const receipt = receiptFor(left, 1, minutes(0));
    expect(
      await world.submit(left, "computation.omitted", { computation: COMPUTATION, phase: 1, receipt }),
    ).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });
});

describe("ends", () => {
  test("only the receiver releases, only its own request, only after close-2", async () => {
    const early = await countedWorld();
    expect(await early.submit(receiver, "result.release", releaseBody())).toMatchObject({ code: "ERR_CONTRACT_STATE" });
    const world = await closedWorld();
    expect(await world.submit(requester, "result.release", releaseBody())).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    expect(await world.submit(receiver, "result.release", { ...releaseBody(), request: uuid("x") })).toMatchObject({
      code: "ERR_CONTRACT_MISMATCH",
    });
  });

  test("coordinator, receiver and requester may fail it at any time, everyone else after the last deadline", async () => {
    const world = await openedWorld();
    const fail = { computation: COMPUTATION, reason: "stalled" };
    expect(await world.submit(providers[0]!, "computation.fail", fail)).toMatchObject({
      code: "ERR_CONTRACT_NOT_PERMITTED",
    });
    expect(await world.submit(coordinator, "computation.fail", { ...fail, blamed: operator.id })).toMatchObject({
      code: "ERR_CONTRACT_MEMBER_SET",
    });
    world.clock = 50;
    await world.must(providers[0]!, "computation.fail", { ...fail, blamed: coordinator.id });
    expect(await stateOf(world)).toBe("failed");
    expect(await world.submit(coordinator, "computation.fail", fail)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });

  test("only the coordinator names who is absent, only members of a key set whose graph is still to be drawn", async () => {
    const fail = { computation: COMPUTATION, reason: "reveal-missing", absent: [providers[1]!.id, providers[3]!.id] };
    const keyed = async (graph: "complete" | "neighbours") => {
      const world = await openedWorld();
      const opened = (await readComputationOpened(world.state, COMPUTATION))!;
      await world.state.put(keys.computationOpened(COMPUTATION), { ...opened, body: { ...opened.body, graph } });
      return world;
    };
    const code = async (world: World, body: TransactionBody<"computation.fail"> = fail, by = coordinator) => {
      const outcome = await world.submit(by, "computation.fail", body);
      return outcome.ok ? "accepted" : outcome.code;
    };
    const world = await keyed("neighbours");
    expect(await code(world)).toBe("ERR_CONTRACT_MEMBER_SET");
    await world.must(coordinator, "computation.keyset", setBody(providers.slice(0, 9)));
    expect(await code(world, fail, requester)).toBe("ERR_CONTRACT_NOT_PERMITTED");
    for (const absent of [
      [operator.id],
      [providers[9]!.id],
      [...fail.absent].reverse(),
      [fail.absent[0]!, fail.absent[0]!],
    ]) {
      expect(await code(world, { ...fail, absent })).toBe("ERR_CONTRACT_MEMBER_SET");
    }
    expect(await code(world)).toBe("accepted");
    const complete = await keyed("complete");
    await complete.must(coordinator, "computation.keyset", setBody(providers));
    expect(await code(complete)).toBe("ERR_CONTRACT_MEMBER_SET");
  });

  test("a revoked agreement stops a run before close-2 and not after", async () => {
    const revoke = { agreement: agreementOf(providers[0]!), reason: "changed" };
    const running = await countedWorld();
    await running.must(providers[0]!, "agreement.revoke", revoke);
    expect(await readComputation(running.state, COMPUTATION)).toMatchObject({
      state: "failed",
      failure: { reason: "agreement-revoked", by: providers[0]!.id },
    });
    const closed = await closedWorld();
    await closed.must(providers[0]!, "agreement.revoke", revoke);
    expect(await stateOf(closed)).toBe("closed2");
  });

  test("a cancelled request stops its run before close-2, and cannot be cancelled between close-2 and release", async () => {
    const cancel = { request: REQUEST, reason: "obsolete" };
    const running = await maskedWorld();
    await running.must(requester, "request.cancel", cancel);
    expect(await stateOf(running)).toBe("failed");
    const closed = await closedWorld();
    expect(await closed.submit(requester, "request.cancel", cancel)).toMatchObject({ code: "ERR_CONTRACT_STATE" });
  });
});
