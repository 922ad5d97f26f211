import { describe, expect, test } from "vitest";
import * as fixture from "../../policies/_fixture.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { type Offer, type PlanInputs, planRequest } from "./plan.ts";

interface Changes {
  readonly policy?: Partial<typeof fixture.draft>;
  readonly group?: string;
  /** Of a privacy account. */
  readonly left?: number;
}

function offerOf(id: string, { policy = {}, ...changes }: Changes = {}): Offer {
  const [provider = ""] = id.split(":");
  const group = changes.group ?? provider;
  return {
    asset: { ...fixture.asset, id, provider, unitDomain: provider },
    policy: policyOf({ ...fixture.draft, id: `policy-${provider}`, asset: id, provider, ...policy }),
    holdingGroup: group,
    active: true,
    context: {
      ...fixture.context,
      provider: { id: provider, kind: "enterprise", holdingGroup: group },
      ...(changes.left === undefined ? {} : { privacyLeft: changes.left }),
    },
  };
}

/** `changes` by provider; "*" for all. */
function plan(
  request: Partial<DataRequest>,
  changes: Readonly<Record<string, Changes>> = {},
  over: Partial<PlanInputs> = {},
) {
  const asked = { ...fixture.request, ...request };
  return planRequest({
    request: asked,
    offers: asked.assets.map((id) => offerOf(id, { ...changes["*"], ...changes[id.split(":")[0]!] })),
    missing: [],
    excludedGroups: new Set(["government", "bureau", "operator"]),
    sequencer: "operator",
    suite: "intl",
    attributes: fixture.context.attributes,
    now: Date.parse(fixture.context.now),
    speed: 1,
    ...over,
  });
}
const providersOf = (count: number) => Array.from({ length: count }, (_, i) => `p${String(i).padStart(3, "0")}:panel`);

describe("the planner", () => {
  test("takes masks and the registry where nothing asks for more, and says so", () => {
    const planned = plan({});
    expect(planned).toMatchObject({
      outcome: "planned",
      protocol: { cells: "registry", method: "mask", graph: "complete", suite: "intl" },
      because: ["cells-by-registry", "mask-suffices", "everyone-with-everyone", "suite-of-network"],
      members: 11,
      need: 5,
      atoms: 3,
      leftOut: [],
    });
    expect(planned.providers.map(({ outcome }) => outcome)).toEqual(Array(11).fill("permit"));
  });

  test("tells what a refusal compared: how many organisations are wanted, and how many were named", () => {
    const { providers } = plan({ assets: fixture.request.assets.slice(0, 4) });
    expect(providers[0]).toMatchObject({
      outcome: "refuse",
      reasons: ["too-few-organisations"],
      refusals: [{ reason: "too-few-organisations", compared: { wanted: 5, got: 4 } }],
    });
    expect(plan({}).providers[0]).not.toHaveProperty("refusals");
  });

  test("tells what noise would leave of the figures before a budget is touched, and who has no exact sums left", () => {
    const clips = [{ element: "investment", minimum: "0", maximum: "2000" }];
    const noised = (epsilon: string) => {
      const policy = { privacy: { epsilon, budget: "9", clips } };
      const planned = plan({}, { "*": { policy, left: 900_000_000 } });
      return planned.outcome === "planned" && planned.alone === undefined ? planned.privacy : undefined;
    };
    const [wide, narrow] = [noised("1"), noised("4")];
    expect(wide).toMatchObject({
      epsilon: "1",
      delta: "0.000001",
      errors: [{ of: "sum", element: "investment", unit: "USD-M" }],
    });
    expect(wide!.errors[0]!.standardError).toBeGreaterThan(3 * narrow!.errors[0]!.standardError);
    const exact = plan({}, { ibm: { left: 900_000_000 } });
    expect(exact.providers.filter(({ outcome }) => outcome !== "permit")).toMatchObject([
      { asset: "ibm:panel", outcome: "refuse", reasons: ["privacy-account"] },
    ]);
    expect(exact).toMatchObject({ outcome: "planned", members: 10 });
  });

  test("counts first where a value may be absent", () => {
    const query = {
      measures: [{ id: "m", statistic: { kind: "sum", element: "market-value" } }],
      groupBy: [],
      filters: [],
    };
    expect(plan({ query: query as DataRequest["query"] })).toMatchObject({
      outcome: "planned",
      protocol: { cells: "counted" },
      because: expect.arrayContaining(["cells-counted"]),
    });
  });

  test("encrypts where more providers take part so, and where it is asked for", () => {
    const sealed = { policy: { methods: ["bfv"] as const } };
    const required = plan({}, { "*": sealed });
    expect(required).toMatchObject({
      outcome: "planned",
      protocol: { method: "bfv", parameters: "bfv-4096-104-75" },
      because: expect.arrayContaining(["sealing-by-policies"]),
    });
    expect(plan({ method: "bfv" })).toMatchObject({ because: expect.arrayContaining(["sealing-asked-for"]) });
    const masked = plan({ method: "mask" }, { ibm: sealed });
    expect(masked).toMatchObject({
      outcome: "planned",
      members: 10,
      because: expect.arrayContaining(["mask-asked-for"]),
    });
    expect(masked.providers.find(({ asset }) => asset === "ibm:panel")).toMatchObject({
      outcome: "refuse",
      reasons: ["method-not-allowed"],
    });
    const [bfv, mask] = [plan({ method: "bfv" }), plan({ method: "mask" })];
    if (bfv.outcome !== "planned" || mask.outcome !== "planned") throw new Error("both can run");
    expect(bfv.estimate!.bytes.total).toBeGreaterThan(2 * mask.estimate!.bytes.total);
    expect(bfv.estimate!.seconds.total).toBeGreaterThan(mask.estimate!.seconds.total);
  });

  test("draws neighbours beyond 129 organisations", () => {
    expect(plan({ assets: providersOf(140) })).toMatchObject({
      outcome: "planned",
      members: 140,
      protocol: { graph: "neighbours" },
      because: expect.arrayContaining(["neighbours-suffice"]),
    });
  });

  test("refuses with the reasons of policies and cohort, and leaves out who shares a group", () => {
    const refused = plan({ purpose: { code: "advertising", text: "x" } });
    expect(refused).toMatchObject({ outcome: "refused", problems: [{ code: "too-few-organisations" }] });
    expect(
      refused.providers.every(({ outcome, reasons }) => outcome === "refuse" && reasons[0] === "purpose-not-allowed"),
    ).toBe(true);
    expect(plan({ assets: providersOf(4) })).toMatchObject({ outcome: "refused", problems: [{ field: "cohort" }] });
    expect(plan({}, { ge: { group: "ibm" } })).toMatchObject({
      outcome: "planned",
      members: 10,
      leftOut: [{ asset: "ibm:panel", reason: "group-already-represented" }],
    });
  });

  test("goes on where an entry is missing or a person will be asked, and says which", () => {
    const assets = fixture.request.assets.slice(1);
    const planned = plan({ assets }, { ge: { policy: { approval: "steward" } } }, { missing: ["ibm:panel"] });
    expect(planned).toMatchObject({ outcome: "planned", members: 10 });
    expect(planned.providers.filter(({ outcome }) => outcome !== "permit")).toEqual([
      { asset: "ge:panel", outcome: "wait", reasons: ["approval-pending"] },
      { asset: "ibm:panel", outcome: "unknown", reasons: ["entry-not-found"] },
    ]);
  });

  test("says of what one provider answers by itself what it costs, or why it would not", () => {
    const [asset = ""] = fixture.request.assets;
    const { requester } = fixture.request;
    const one = (figures: number) => ({
      assets: [asset],
      receiverMode: "direct" as const,
      receiver: requester,
      encryptedQuery: { figures },
    });
    const offered = (policy: Partial<typeof fixture.draft>) => {
      const offer = offerOf(asset, { policy });
      return { offers: [{ ...offer, context: { ...offer.context, receiver: fixture.context.requester } }] };
    };
    const bytesOf = (figures: number): number | undefined => {
      const planned = plan(one(figures), {}, offered({ answers: 4 }));
      expect(planned).toMatchObject({
        outcome: "planned",
        because: ["one-provider-answers"],
        alone: { kind: "encrypted-query" },
      });
      return planned.outcome === "planned" ? planned.alone?.estimate.bytes.total : undefined;
    };
    expect(bytesOf(4)).toBe(2 * bytesOf(2)!);
    expect(plan(one(4), {}, offered({}))).toMatchObject({
      outcome: "refused",
      providers: [{ asset, outcome: "refuse", reasons: ["answers-not-allowed"] }],
      problems: [{ field: "assets", code: "no-agreement" }],
    });
    expect(plan(one(4), {}, { offers: [], missing: [asset] })).toMatchObject({
      outcome: "refused",
      providers: [{ asset, outcome: "unknown", reasons: ["entry-not-found"] }],
    });
  });
});
