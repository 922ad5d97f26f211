/** Members that lie in the rounds, and requesters that go round their own node or round each other. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readDecision } from "../../chaincode/rules/keys.ts";
import { chunkHash, chunksRoot } from "../../crypto/secagg/chunks.ts";
import type { MessageOf } from "../../crypto/secagg/messages.ts";
import type { MemberDeps, Send } from "../../crypto/secagg/step.ts";
import { textOfWords, wordsOfText } from "../../crypto/secagg/words.ts";
import { saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { signStatement } from "../../crypto/suites/signed.ts";
import type { OpeningPlan } from "../../exchange/computations/opening.ts";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import { openOffer } from "../../exchange/negotiation/data-request.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { requestDigest } from "../../exchange/requests/agreement-record.ts";
import type { RequestDocument } from "../../exchange/requests/ports.ts";
import { record } from "../../exchange/requests/record.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { draftOf, type RequestState } from "../computations/_network.ts";
import type { Context } from "../computations/context.ts";
import { writeLetter } from "../dataspace/letters.ts";
import { unreachableBase } from "../dataspace/post-office.ts";
import { answerOf } from "./_calls.ts";
import {
  type Attacked,
  asked,
  attackedNetwork,
  ended,
  faultsOf,
  figureOf,
  firstRunOf,
  heard,
  opened,
  outputOf,
  PATIENCE_MS,
  PROVIDERS,
  partyOf,
  spokenIn,
  sumOf,
  taxOf,
} from "./_network.ts";

type Constants = OpeningPlan["body"]["constants"];
const doubles = vi.hoisted(() => ({
  /** What omega sends instead, by computation. */
  omega: new Map<string, (send: Send, deps: MemberDeps) => Send>(),
  /** Constants that a requester opens with, and that the coordinator pretends to have seen, by request. */
  weakened: new Map<string, { readonly told: Partial<Constants>; honest?: Constants }>(),
}));

// omega's own steps are honest; what leaves is not.
vi.mock(import("../../crypto/secagg/member.ts"), async (original) => {
  const member = await original();
  return {
    ...member,
    stepMember(state, input, deps) {
      const step = member.stepMember(state, input, deps);
      const lie = "opened" in state && state.self === "omega" ? doubles.omega.get(state.opened.computation) : undefined;
      return lie === undefined ? step : { ...step, send: step.send.map((send) => lie(send, deps)) };
    },
  };
});
vi.mock(import("../../exchange/computations/opening.ts"), async (original) => {
  const opening = await original();
  return {
    ...opening,
    planOpening(inputs) {
      const plan = opening.planOpening(inputs);
      const weakened = doubles.weakened.get(inputs.request.id);
      if (weakened === undefined) return plan;
      weakened.honest = plan.body.constants;
      return { ...plan, body: { ...plan.body, constants: { ...plan.body.constants, ...weakened.told } } };
    },
  };
});
// The coordinator is in it with the requester: it finds such openings in order.
vi.mock(import("../computations/opening-review.ts"), async (original) => {
  const review = await original();
  return {
    ...review,
    reviewWithLedger(ctx, seen, documents, request) {
      const honest = doubles.weakened.get(request.id)?.honest;
      const isColluding = (ctx as Context).services.member === "operator" && honest !== undefined;
      const shown = isColluding ? { ...seen, body: { ...seen.body, constants: honest } } : seen;
      return review.reviewWithLedger(ctx, shown, documents, request);
    },
  };
});

let world: Attacked;
beforeAll(async () => {
  // omega asks for four organisations, the others for three.
  world = await attackedNetwork({ policy: (member) => (member === "omega" ? { minimumOrganisations: 4 } : {}) });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

describe("a lying member", () => {
  test("P-counts-checked: a claim of more than one organisation is found by everyone, and nothing of phase 2 is sent", async () => {
    const { network, fronts } = world;
    const run = await asked(network, taxOf("1990"));
    const said = heard(fronts.operator, run);
    doubles.omega.set(run.computation, (send, { sign }) => {
      if (send.message.type !== "contribution-1") return send;
      const { header, words } = send.message;
      const claimed = wordsOfText(words, "words", header.statement.bytes / 8);
      claimed[0] = BigInt.asUintN(64, claimed[0]! + 6n);
      const text = textOfWords(claimed);
      const chunks = [chunkHash(fromBase64url(text, "words"))];
      const statement = { ...header.statement, digest: chunksRoot(chunks) };
      const lie = { ...send.message, header: sign("secagg-message", statement), chunks, words: text };
      return { ...send, message: lie as MessageOf<"contribution-1"> };
    });
    await opened(network, run);
    expect(await ended(network, run)).toMatchObject({ state: "failed" });
    for (const member of PROVIDERS) {
      expect(said.get(member)).toContain("contribution-1");
      expect(said.get(member)).not.toContain("contribution-2");
    }
  });

  test("P-attributed: a wrong share names its holder by its own signature, and the sum comes out without it", async () => {
    const { network, fronts } = world;
    const run = await asked(network, outputOf("1991"));
    // The others' answers alone are enough, so they wait until omega's has been looked at.
    let looked: (() => void) | undefined;
    const isLookedAt = new Promise<void>((resolve) => {
      looked = resolve;
    });
    fronts.operator.lie(async (call, next) => {
      if (spokenIn(call, run)?.type !== "unmask-2") return await next();
      if (call.from !== "omega") await isLookedAt;
      const answer = await next();
      if (call.from === "omega") looked?.();
      return answer;
    });
    doubles.omega.set(run.computation, (send, { sign }) => {
      if (send.message.type !== "unmask-2") return send;
      const { statement } = send.message.unmask;
      const shares = statement.body.shares.map((one) => ({ ...one, share: `AA${one.share.slice(2)}` }));
      const unmask = sign("secagg-message", { ...statement, body: { ...statement.body, shares } });
      return { ...send, message: { ...send.message, unmask } as MessageOf<"unmask-2"> };
    });
    await opened(network, run);
    expect(await ended(network, run)).toMatchObject({ state: "released" });
    expect(await faultsOf(network, "operator", run)).toMatchObject([{ member: "omega", reason: "wrong-share" }]);
    expect(await figureOf(network, run)).toBe(sumOf("output", "1991"));
  });
});

describe("a lying requester", () => {
  const year = (values: readonly string[], operator = "eq") => ({ element: "year", operator, values });
  const sum = (over: object = {}) => ({ id: "figure", statistic: { kind: "sum", element: "output-value" }, ...over });
  const query = (over: object) => ({ query: { measures: [sum()], groupBy: [], filters: [year(["1992"])], ...over } });

  test.concurrent.each<readonly [string, object, RegExp]>([
    [
      "a filter on the measured field",
      query({ filters: [{ ...year(["3001"], "gteq"), element: "output-value" }] }),
      /filter/,
    ],
    [
      "a predicate that the policy does not list",
      query({ filters: [year(["1990"], "lteq")] }),
      /predicate-not-allowed/,
    ],
    ["groups by the measured field", query({ groupBy: [{ element: "output-value" }] }), /group-not-allowed/],
    [
      "a function that the policy does not list",
      query({ measures: [{ id: "v", statistic: { kind: "variance", element: "tax-paid" } }] }),
      /function-not-allowed/,
    ],
    [
      "bounds of its own",
      query({ measures: [sum({ bounds: { minimum: "3000", maximum: "3001" } })] }),
      /document-invalid/,
    ],
    ["edges of its own", query({ measures: [sum({ edges: ["3000", "3001"] })] }), /document-invalid/],
    ["weights of its own", query({ measures: [sum({ weights: { "alpha:panel": "1" } })] }), /document-invalid/],
  ])("P-no-isolation: gets nothing for %s, although its own node lets it pass", async (_name, draft, reason) => {
    const { network, fronts } = world;
    const filed = await filedByHand(draft);
    const { id } = filed.document.statement;
    const quiet = fronts.ministry.lie(async ({ path, from }, next) =>
      path === `${DATASPACE_PATH}/waiting` ? answerOf({ letters: [askingByHand(filed, from)] }) : await next(),
    );
    for (const member of PROVIDERS) {
      const { ledger } = network.net.node(member).services;
      await vi.waitFor(
        async () => {
          const { decision } = (await readDecision(ledger, id, `${member}:panel`))!;
          expect(decision.outcome).toBe("refuse");
          expect(decision.reasons.join()).toMatch(reason);
        },
        { timeout: PATIENCE_MS, interval: 50 },
      );
    }
    quiet();
  });

  /** What the ministry's node would have a provider fetch, signed with the ministry's own key. */
  function askingByHand(filed: RequestDocument, provider: string) {
    const { network, identity, now } = partyOf(world.network, "ministry");
    const { id: request } = filed.document.statement;
    const reference = { "@id": `urn:sealane:request:${request}`, request, digest: requestDigest(filed) };
    const message = firstRequest(request, openOffer(`${provider}:panel`, reference), unreachableBase("ministry"));
    const body = { ...message, "sealane:document": filed };
    const content = { call: { pid: request, path: "negotiations/request", body } };
    return writeLetter(identity, { network, to: provider, at: now(), content });
  }

  /** Signed and recorded with the ministry's own key, past every check of its node. */
  async function filedByHand(draft: object): Promise<RequestDocument> {
    const party = partyOf(world.network, "ministry");
    const id = randomUUID();
    const request = { ...draftOf(), ...draft, id, requester: "ministry", createdAt: party.now() } as DataRequest;
    const document = signStatement(party.identity, "data-request", request);
    const salt = party.random(32);
    const { assets, receiver } = request;
    await record(party, "request.submit", { request: id, digest: saltedDigest(salt, document), assets, receiver }, id);
    return { document, salt: toBase64url(salt) };
  }

  test("P-opening: an opening with a lower minimum than one policy asks for gets nothing but refusals from its members", async () => {
    const { network, fronts } = world;
    const run = await asked(network, taxOf("1993"));
    const said = heard(fronts.operator, run);
    doubles.weakened.set(run.request, { told: { minimumOrganisations: 3, need: 3 } });
    await opened(network, run);
    expect(await ended(network, run)).toMatchObject({ state: "failed", reasons: ["constants-differ"] });
    expect(doubles.weakened.get(run.request)?.honest?.need).toBe(4);
    // The run is over before the last ones have spoken.
    expect(said.size).toBeGreaterThan(1);
    for (const types of said.values()) expect(types).toEqual(["refusal"]);
  });

  test("P-history: a second requester is refused what would tell one provider apart from the first one's sum", async () => {
    const { network, fronts } = world;
    const first = await asked(network, outputOf("1994"));
    await opened(network, first);
    expect(await ended(network, first)).toMatchObject({ state: "released" });
    const assets = PROVIDERS.slice(0, 4).map((member) => `${member}:panel`);
    const treasury = <T>(method: "GET" | "POST", path: string, body?: object) =>
      network.call<T>("treasury", method, `/api/v1/requests${path}`, body);
    const { id } = await treasury<{ id: string }>("POST", "", { ...draftOf(), ...outputOf("1994"), assets });
    const said = heard(fronts.operator, firstRunOf(id));
    const reaches = (state: string) =>
      vi.waitFor(
        async () => {
          const view = await treasury<RequestState>("GET", `/${id}`);
          expect(view.state).toBe(state);
          return view;
        },
        { timeout: PATIENCE_MS, interval: 50 },
      );
    await reaches("agreed");
    await treasury("POST", `/${id}/open`);
    expect(await reaches("failed")).toMatchObject({ reasons: ["history"] });
    for (const member of PROVIDERS) expect(said.get(member) ?? []).not.toContain("contribution-2");
  });
});
