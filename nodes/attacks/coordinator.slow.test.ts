/** A coordinator that lies to its members and to the receiver. It is the sequencer too, with its own node behind it. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Keys, Message, MessageOf } from "../../crypto/secagg/messages.ts";
import { signStatement } from "../../crypto/suites/signed.ts";
import { record } from "../../exchange/requests/record.ts";
import type { Transcript } from "../computations/context.ts";
import { withoutWords } from "../computations/offered-transcripts.ts";
import { Accepted, paths } from "../computations/peer-messages.ts";
import { answerOf, contentOf } from "./_calls.ts";
import {
  type Asked,
  type Attacked,
  asked,
  attackedNetwork,
  cancelled,
  ended,
  faultsOf,
  figureOf,
  heard,
  opened,
  outputOf,
  PATIENCE_MS,
  PROVIDERS,
  partyOf,
  speaksFor,
  spokenIn,
  sumOf,
  taxOf,
  tells,
} from "./_network.ts";

let world: Attacked;
beforeAll(async () => {
  world = await attackedNetwork();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});
const without = (...left: string[]) => PROVIDERS.filter((member) => !left.includes(member));
/** Everybody but one, and that one has asked for more after it was lied to. */
const othersSaid = (
  said: ReadonlyMap<string, readonly string[]>,
  type: string,
  deceived: string,
  cameBack: ReadonlySet<string>,
) =>
  vi.waitFor(
    () => {
      expect(without(deceived).filter((member) => !said.get(member)?.includes(type))).toEqual([]);
      expect(cameBack.has(deceived)).toBe(true);
    },
    { timeout: PATIENCE_MS, interval: 50 },
  );
const statusOf = (error: unknown) => (error as { answer?: { status: number } }).answer?.status;

describe("a lying coordinator", () => {
  test("P-keys: keys that it substitutes for one member's are accepted by nobody it shows them to", async () => {
    const { network, fronts } = world;
    const run = await asked(network, taxOf("1990"));
    const said = heard(fronts.operator, run);
    const attacker = network.net.node("operator").services.identity;
    const cameBack = speaksFor(fronts.operator, run, (message, to) => {
      if (message.type !== "keyset" || to !== "alpha") return [message];
      const replaced = (signed: Keys): Keys => {
        const { envelope } = signed.statement.body;
        const lie = { ...signed.statement, body: { ...signed.statement.body, pair1: envelope, pair2: envelope } };
        return { ...signStatement(attacker, "secagg-message", lie), signer: signed.signer } as Keys;
      };
      return [{ ...message, keys: message.keys.map((one) => (one.signer === "gamma" ? replaced(one) : one)) }];
    });
    await opened(network, run);
    await othersSaid(said, "shares", "alpha", cameBack);
    expect(said.get("alpha")).toEqual(["keys"]);
    await cancelled(network, run);
  });

  test("P-one-question: a member that is shown another query than the ledger's says nothing at all", async () => {
    const { network, fronts } = world;
    const run = await asked(network, taxOf("1991"));
    const said = heard(fronts.operator, run);
    const cameBack = speaksFor(fronts.operator, run, (message, to) => {
      if (message.type !== "documents" || to !== "beta") return [message];
      const query = { ...message.query, document: { ...(message.query.document as object), filters: [] } };
      return [{ ...message, query }];
    });
    await opened(network, run);
    await othersSaid(said, "keys", "beta", cameBack);
    expect(said.get("beta")).toBeUndefined();
    await cancelled(network, run);
  });

  test("P-fresh-rounds: what it said in an earlier round moves nobody in a later one", async () => {
    const { network, fronts } = world;
    const [first, second, third] = await Promise.all(
      ["1992", "1993", "1998"].map((year) => asked(network, taxOf(year))),
    );
    const earlier = new Map<string, Message>();
    speaksFor(fronts.operator, first!, (message, to) => {
      earlier.set(`${to}/${message.type}`, message);
      return [message];
    });
    await opened(network, first!);
    expect(await ended(network, first!)).toMatchObject({ state: "released" });
    const replayed = { types: 0 };
    const replays = (run: Asked, isReplayed: (message: Message) => boolean) =>
      speaksFor(fronts.operator, run, (message, to) => {
        const old = earlier.get(`${to}/${message.type}`)!;
        replayed.types += 1;
        return isReplayed(message) ? [old, { ...old, computation: run.computation }, message] : [message];
      });
    replays(second!, ({ type }) => type !== "boxes");
    // Boxes of other keys do not open: their dealers are not counted, so the run ends before anything was contributed.
    replays(third!, ({ type }) => type === "boxes");
    const said = [heard(fronts.operator, second!), heard(fronts.operator, third!)] as const;
    await Promise.all([opened(network, second!), opened(network, third!)]);
    expect(await ended(network, second!)).toMatchObject({ state: "released" });
    expect(replayed.types).toBeGreaterThanOrEqual(8 * PROVIDERS.length);
    expect(await figureOf(network, second!)).toBe(sumOf("tax", "1993"));
    for (const member of PROVIDERS) expect(new Set(said[0].get(member)).size).toBe(said[0].get(member)!.length);
    expect(await ended(network, third!)).toMatchObject({ state: "failed", reasons: ["too-few-masks"] });
    for (const member of PROVIDERS) expect(new Set(said[1].get(member))).toEqual(new Set(["keys", "shares", "accept"]));
  });

  test("P-counts-checked: a sum of counts that does not follow from signed contributions is not believed", async () => {
    const { network, fronts } = world;
    const run = await asked(network, taxOf("1994"));
    const said = heard(fronts.operator, run);
    const cameBack = speaksFor(fronts.operator, run, (message, to) => {
      if (message.type !== "result-1" || to !== "delta") return [message];
      const [one, ...rest] = message.contributions;
      return [{ ...message, contributions: [{ ...one!, words: flipped(one!.words) }, ...rest] }];
    });
    await opened(network, run);
    await othersSaid(said, "contribution-2", "delta", cameBack);
    expect(said.get("delta")).not.toContain("contribution-2");
    await cancelled(network, run);
  });

  test("P-sum-checked: no altered transcript passes for the sum, before or after the true one", async () => {
    const { network, fronts } = world;
    const run = await asked(network, outputOf("1995"));
    const { services } = network.net.node("operator");
    const answers: (number | undefined | "accepted")[] = [];
    const post = async (transcript: Transcript) => {
      const call = { method: "POST" as const, path: paths.transcript(run.computation), body: transcript };
      const target = await services.members.target("bureau");
      answers.push(
        await services.peers
          .call(target, { ...call, response: Accepted, attempts: 1 })
          .then(() => "accepted", statusOf),
      );
    };
    let isLying = false;
    let honest: Transcript | undefined;
    fronts.bureau.lie(async ({ path, body }, next) => {
      if (path !== paths.transcript(run.computation) || isLying) return await next();
      isLying = true;
      honest = contentOf<Transcript>({ body });
      for (const lie of falseTranscripts(honest)) await post(lie);
      isLying = false;
      return await next();
    });
    await opened(network, run);
    expect(await ended(network, run)).toMatchObject({ state: "released" });
    expect(answers).toEqual([400, 400, 400, 400, 400]);
    expect(await faultsOf(network, "bureau", run)).toContainEqual(expect.objectContaining({ member: "operator" }));
    expect(await figureOf(network, run)).toBe(sumOf("output", "1995"));
    // R decodes once: what comes later changes neither what it keeps nor what it has released.
    isLying = true;
    for (const lie of falseTranscripts(honest!)) await post(lie);
    const kept = network.net.node("bureau").services.openStore<Transcript>("transcripts");
    expect(await kept.get(run.computation)).toEqual(withoutWords(honest!));
    expect(await network.net.node("bureau").services.inflight.names()).not.toContain(`${run.computation}-key`);
    expect(await figureOf(network, run)).toBe(sumOf("output", "1995"));
  });

  test("P-history: a sum that it got and never delivered counts as released: a restart without one member is refused", async () => {
    const { network, fronts } = world;
    const run = await asked(network, outputOf("1996"));
    const said = heard(fronts.operator, run);
    // Coordinator, receiver and requester have what they want; the ledger is to believe that it failed.
    fronts.bureau.lie(async ({ path }, next) =>
      path === paths.transcript(run.computation) ? answerOf({ code: "ERR_HTTP_BUSY" }, 503) : await next(),
    );
    await opened(network, run);
    await vi.waitFor(() => expect(PROVIDERS.every((member) => said.get(member)?.includes("unmask-2"))).toBe(true), {
      timeout: PATIENCE_MS,
      interval: 50,
    });
    await record(
      partyOf(network, "operator"),
      "computation.fail",
      { computation: run.computation, reason: "expired" },
      0,
    );
    expect(await ended(network, run)).toMatchObject({ state: "failed" });
    const assets = without("gamma").map((member) => `${member}:panel`);
    const again = await asked(network, { ...outputOf("1996"), assets });
    const heardAgain = heard(fronts.operator, again);
    await opened(network, again);
    expect(await ended(network, again)).toMatchObject({ state: "failed", reasons: ["history"] });
    for (const member of PROVIDERS) expect(heardAgain.get(member) ?? []).not.toContain("contribution-2");
  });

  test("P-one-kind P-one-closing-set: a receiver that asks twice gets the same answer, and for another cohort none", async () => {
    const { network, fronts } = world;
    const run = await asked(network, outputOf("1999"));
    const answers = new Map<string, string[]>();
    const views = Promise.withResolvers<MessageOf<"views-2">>();
    const areAnswered = Promise.withResolvers<void>();
    fronts.operator.lie(async (call, next) => {
      const message = spokenIn(call, run);
      if (message?.type !== "unmask-2") return await next();
      answers.set(call.from, [...(answers.get(call.from) ?? []), call.body.toString()]);
      if (answers.size === PROVIDERS.length) areAnswered.resolve();
      return await next();
    });
    // R wants more before it decodes, so nothing is over yet.
    let isAskedAgain = false;
    const holding = fronts.bureau.lie(async ({ path }, next) =>
      path === paths.transcript(run.computation) && !isAskedAgain
        ? answerOf({ code: "ERR_HTTP_BUSY" }, 503)
        : await next(),
    );
    speaksFor(fronts.operator, run, (message) => {
      if (message.type === "views-2") views.resolve(message);
      return [message];
    });
    const cameBack = tells(fronts.operator, run, async () => {
      await areAnswered.promise;
      const honest = await views.promise;
      const others = honest.views.map((view) => ({
        ...view,
        statement: { ...view.statement, digest: "A".repeat(43) },
      }));
      return [honest, { ...honest, views: others }, honest];
    });
    await opened(network, run);
    await vi.waitFor(() => expect(PROVIDERS.filter((member) => !cameBack.has(member))).toEqual([]), {
      timeout: PATIENCE_MS,
      interval: 50,
    });
    for (const member of PROVIDERS) expect(new Set(answers.get(member)).size).toBe(1);
    isAskedAgain = true;
    expect(await ended(network, run)).toMatchObject({ state: "released" });
    expect(await figureOf(network, run)).toBe(sumOf("output", "1999"));
    holding();
  });

  test("P-attributed: a member that contradicts itself is refused, named, and keeps its first word", async () => {
    const { network, fronts } = world;
    const run = await asked(network, outputOf("1997"));
    const { services } = network.net.node("omega");
    const second = async (message: Message) => {
      const call = { method: "POST" as const, path: paths.messages(run.computation), body: message };
      await services.peers.call(await services.members.target("operator"), { ...call, response: Accepted });
    };
    const refusals: (number | undefined)[] = [];
    let isSecond = false;
    fronts.operator.lie(async (call, next) => {
      const message = spokenIn(call, run);
      const answer = await next();
      if (message === undefined || call.from !== "omega" || isSecond) return answer;
      isSecond = true;
      const lie = contradictionOf(message, (domain, statement) => signStatement(services.identity, domain, statement));
      if (lie !== undefined) refusals.push(await second(lie).then(() => 200, statusOf));
      isSecond = false;
      return answer;
    });
    await opened(network, run);
    expect(await ended(network, run)).toMatchObject({ state: "released" });
    expect(new Set(refusals)).toEqual(new Set([400]));
    const faults = await faultsOf(network, "operator", run);
    expect(faults.map(({ member, reason }) => `${member} ${reason}`).sort()).toEqual([
      "omega refused-contribution-2",
      "omega refused-keys",
    ]);
    expect(await figureOf(network, run)).toBe(sumOf("output", "1997"));
  });
});

const flipped = (text: string): string => `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;

/** Another word, another secret, a survivor fewer, a view fewer. */
function falseTranscripts(honest: Transcript): readonly Transcript[] {
  const { result } = honest;
  const [contribution, ...contributions] = result.contributions;
  const [secret, ...secrets] = result.secrets;
  const changes: readonly Partial<MessageOf<"result-2">>[] = [
    { contributions: [{ ...contribution!, words: flipped(contribution!.words!) }, ...contributions] },
    { contributions: [{ ...contribution!, chunks: contribution!.chunks.map(flipped) }, ...contributions] },
    { secrets: [{ ...secret!, secret: flipped(secret!.secret) }, ...secrets] },
    { contributions, secrets },
    { views: result.views.slice(0, 3) },
  ];
  return changes.map((change) => ({ ...honest, result: { ...result, ...change } }));
}

type SignAny = <S>(domain: "secagg-message", statement: S) => { readonly statement: S };

/** The same message with another content under the same member's true signature. */
function contradictionOf(message: Message, sign: SignAny): Message | undefined {
  const digest = "A".repeat(43);
  if (message.type === "keys") {
    const { statement } = message.keys;
    return {
      ...message,
      keys: sign("secagg-message", { ...statement, body: { ...statement.body, seed1: digest } }),
    } as Message;
  }
  if (message.type === "contribution-2") {
    const header = sign("secagg-message", { ...message.header.statement, digest });
    return { ...message, header } as Message;
  }
  return undefined;
}
