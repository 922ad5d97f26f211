/** Two members that take no calls, and the operator between them: real engines and post offices, with the wire in memory. */
import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { type SigningIdentity, signingIdentity } from "../../crypto/suites/signed.ts";
import {
  agreementMessage,
  eventMessage,
  firstRequest,
  negotiationTermination,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { refusalOf } from "../http/dataspace/answer-error.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { PeerError } from "../peer/peer-error.ts";
import { LETTER_LIFE_MS } from "./fresh-letters.ts";
import { type Letter, writeLetter } from "./letters.ts";
import { createPostOffice, type PostOffice, type PostOfficePorts, unreachableBase } from "./post-office.ts";
import type { Processes } from "./process-ports.ts";
import type { ProcessRecord } from "./process-record.ts";
import { createProcesses } from "./processes.ts";
import { createShelf, SHELF, type Shelf } from "./shelf.ts";

type Record = ProcessRecord<Negotiation, NegotiationMessage>;
const OFFER = { "@id": "offer-1", "@type": "Offer" as const, target: "beta:panel", permission: [{ action: "use" }] };
const NETWORK = "network";
const MEMBERS = ["alpha", "beta", "operator", "mallory"] as const;
type Name = (typeof MEMBERS)[number];

const identities = Object.fromEntries(
  MEMBERS.map((name) => [name, signingIdentity(name, "intl", randomBytes(32))]),
) as { readonly [name in Name]: SigningIdentity };

interface Member {
  readonly office: PostOffice;
  readonly engine: Processes<Negotiation, NegotiationMessage>;
  readonly shelf: Shelf;
}
const stopping: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stopping.splice(0).map((stop) => stop()));
});

/** Alpha asks, beta agrees; who takes calls is named. `tamper`: what the operator makes of letters it hands out. */
function createWorld(reachable: readonly Name[], tamper: (letter: Letter) => Letter = (letter) => letter) {
  const world = new Map<Name, Member>();
  const dispatches = new Map<string, PostOfficePorts["dispatch"]>();
  const at = (name: string): Member => world.get(name as Name)!;
  let refuses = false;

  async function next({ side: { document, role }, pid, peer }: Record): Promise<NegotiationMessage | undefined> {
    if (document?.state === "REQUESTED" && role === "provider") {
      if (refuses) return negotiationTermination(document, causeOf("data-request-refused", "purpose-not-allowed"));
      const parties = { assigner: "beta", assignee: peer, timestamp: "2026-11-22T12:00:00Z" };
      return agreementMessage(document, { ...OFFER, "@id": `urn:uuid:${pid}`, "@type": "Agreement", ...parties });
    }
    if (document?.state === "AGREED" && role === "consumer") return verificationMessage(document);
    return document?.state === "VERIFIED" && role === "provider" ? eventMessage(document, "FINALIZED") : undefined;
  }

  for (const name of MEMBERS) {
    const dispatch = async (from: string, path: string, body: unknown) => {
      const [, pid = "", ...rest] = path.split("/");
      const types = {
        request: "ContractRequestMessage",
        agreement: "ContractAgreementMessage",
        "agreement/verification": "ContractAgreementVerificationMessage",
        events: "ContractNegotiationEventMessage",
        termination: "ContractNegotiationTerminationMessage",
      } as const;
      try {
        const type = types[(rest.length === 0 ? pid : rest.join("/")) as keyof typeof types];
        const taken =
          rest.length === 0
            ? await at(name).engine.takeFirst(from, body, type)
            : await at(name).engine.take(from, decodeURIComponent(pid), body, type);
        return { status: 200, body: negotiationProtocol.answer(taken) };
      } catch (error) {
        const refusal = refusalOf("ContractNegotiationError", error);
        if (refusal === undefined) throw error;
        return refusal;
      }
    };
    const baseOf = async (member: string) =>
      reachable.includes(member as Name) ? `https://${member}.example/dsp/2025-1` : undefined;
    const shelf = createShelf(() => Date.now(), { ...SHELF, againMs: 20, count: 8 });
    const office: PostOffice = createPostOffice({
      member: name,
      network: NETWORK,
      identity: identities[name],
      now: () => new Date().toISOString(),
      shelf,
      publicKey: async (member, key) => {
        const identity = identities[member as Name];
        return identity?.key === key ? identity.publicKey : undefined;
      },
      baseOf,
      operator: async () => "operator",
      dispatch,
      async post(peer, url, body) {
        const { status, body: answer } = await dispatches.get(peer)!(name, url.split("/dsp/2025-1/")[1]!, body);
        if (status >= 300) return { kind: "passing", code: String(status), doubtful: false };
        for (const letter of await at(peer).office.alongWith(name, answer, 100)) await office.takeIn([letter]);
        return { kind: "taken", answer };
      },
      fetch: async (place, letters, waitMs) =>
        (await at(place).office.serve(name, structuredClone(letters), waitMs)).map((one) =>
          place === "operator" ? tamper(structuredClone(one)) : one,
        ),
      onError: () => undefined,
      pauses: { directMs: 40, relayedMs: 20, longestMs: 100 },
    });
    dispatches.set(name, dispatch);
    const engine = createProcesses<Negotiation, NegotiationMessage>({
      protocol: negotiationProtocol,
      records: memoryRecords<Record>(),
      open: memoryRecords<true>(),
      now: () => new Date().toISOString(),
      post: office.send,
      ask: async () => undefined,
      admits: async () => undefined,
      next,
      onMoved: ({ pid, peer, side }) => {
        const isOver = side.document !== undefined && negotiationProtocol.isOver(side.document);
        if (isOver && side.sending === undefined) office.unwatch(pid);
        else office.watch(pid, peer);
      },
      onError: () => undefined,
    });
    stopping.push(async () => {
      office.stop();
      await engine.stop();
    });
    world.set(name, { office, engine, shelf });
  }
  const begin = (pid: string) =>
    at("alpha").engine.begin({
      pid,
      peer: "beta",
      address: reachable.includes("beta") ? "https://beta.example/dsp/2025-1" : unreachableBase("beta"),
      message: firstRequest(
        pid,
        OFFER,
        reachable.includes("alpha") ? "https://alpha.example/dsp/2025-1" : unreachableBase("alpha"),
      ),
    });
  async function states(pid: string) {
    const ours = (await at("alpha").engine.find(pid))?.side.document;
    const theirs = ours && (await at("beta").engine.find(ours.providerPid))?.side.document;
    return [ours?.state, theirs?.state, ours?.termination?.code, theirs?.termination?.code];
  }
  const refuse = () => {
    refuses = true;
  };
  return { at, begin, states, refuse };
}
const PATIENCE = { timeout: 30_000, interval: 20 };

describe.each([
  ["only the requester takes calls", ["alpha", "operator"]],
  ["only the provider takes calls", ["beta", "operator"]],
  ["neither takes calls", ["operator"]],
  ["both take calls", ["alpha", "beta", "operator"]],
] as const)("a negotiation where %s", (_what, reachable) => {
  test("is finalized on both sides", async () => {
    const { at, begin, states } = createWorld(reachable);
    await begin("pid-1");
    await fetched(at("beta"), reachable);
    await expect.poll(() => states("pid-1"), PATIENCE).toEqual(["FINALIZED", "FINALIZED", undefined, undefined]);
  });

  test("ends with the provider's cause on both sides", async () => {
    const { at, begin, states, refuse } = createWorld(reachable);
    refuse();
    await begin("pid-1");
    await fetched(at("beta"), reachable);
    const ended = ["TERMINATED", "TERMINATED", "data-request-refused", "data-request-refused"];
    await expect.poll(() => states("pid-1"), PATIENCE).toEqual(ended);
  });
});

/** As a provider does that the ledger has told of a request. */
const fetched = async (provider: Member, reachable: readonly Name[]) => {
  if (!reachable.includes("beta")) await provider.office.collectFrom("alpha", 10_000);
};

describe("the operator between them", () => {
  test.each([
    ["another body", (letter: Letter) => withCall(letter, { body: { ...bodyOf(letter), consumerPid: "pid-2" } })],
    ["another path", (letter: Letter) => withCall(letter, { path: "negotiations/x/termination" })],
    ["another recipient", (letter: Letter) => ({ ...letter, statement: { ...letter.statement, to: "mallory" } })],
    ["another author", (letter: Letter) => ({ ...letter, signer: "mallory" })],
    ["its own word", (letter: Letter) => writeLetter(identities.operator, letter.statement)],
  ])("cannot pass on %s", async (_what, tamper) => {
    const { at, begin, states } = createWorld(["operator"], tamper);
    await begin("pid-1");
    await expect.poll(() => at("operator").shelf.collect("beta", 0)).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await at("beta").office.collectFrom("alpha", 0);
    expect(await states("pid-1")).toEqual([undefined, undefined, undefined, undefined]);
    const [letter] = await at("operator").shelf.collect("beta", 50);
    expect(await at("beta").engine.find(String((letter && bodyOf(letter).consumerPid) ?? ""))).toBeUndefined();
  });

  test("keeps what its author signed, for a member that takes no calls, and no more of it than there is room for", async () => {
    const { at } = createWorld(["operator", "alpha"]);
    const letter = (by: Name, to: string, pid: string) =>
      writeLetter(identities[by], {
        network: NETWORK,
        to,
        at: new Date().toISOString(),
        content: { call: { pid, path: "negotiations/request", body: {} } },
      });
    const { office, shelf } = at("operator");
    await office.serve("mallory", [letter("beta", "beta", "1"), letter("mallory", "alpha", "2"), { junk: true }], 0);
    expect(await shelf.collect("beta", 0)).toEqual([]);
    expect(await shelf.collect("alpha", 0)).toEqual([]);
    await office.serve(
      "mallory",
      Array.from({ length: 20 }, (_, index) => letter("mallory", "beta", String(index))),
      0,
    );
    expect(await shelf.collect("beta", 0)).toHaveLength(8);
    expect(await shelf.collect("mallory", 0)).toEqual([]);
  });

  test("hands out the letters of every author, however many one of them leaves", async () => {
    let clock = 0;
    const shelf = createShelf(() => clock, { ...SHELF, countTo: 200 });
    const letter = (by: Name, pid: string, text = "") =>
      writeLetter(identities[by], {
        network: NETWORK,
        to: "beta",
        at: new Date().toISOString(),
        content: { call: { pid, path: "negotiations/request", body: { text } } },
      });
    const authors = async () => new Set((await shelf.collect("beta", 0)).map(({ signer }) => signer));
    for (let index = 0; index < 150; index += 1) shelf.leave(letter("mallory", String(index)), false);
    shelf.leave(letter("mallory", "large", "x".repeat(SHELF.pageBytes)), false);
    shelf.leave(letter("alpha", "1"), false);
    expect(await authors()).toContain("alpha");
    // What was handed longest ago comes first: all get their turn although each is due again after a while.
    const seen = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      clock += SHELF.againMs + 1;
      for (const { signature } of await shelf.collect("beta", 0)) seen.add(signature);
    }
    expect(seen.size).toBe(152);
  });

  test("keeps only so many letters of one author for one recipient", () => {
    const shelf = createShelf(() => 0);
    const leave = (pid: number, to: string) =>
      shelf.leave(
        writeLetter(identities.mallory, {
          network: NETWORK,
          to,
          at: new Date(0).toISOString(),
          content: { call: { pid: String(pid), path: "negotiations/request", body: {} } },
        }),
        false,
      );
    const kept = Array.from({ length: 200 }, (_, index) => leave(index, "beta")).filter(Boolean);
    expect(kept).toHaveLength(SHELF.countTo);
    expect(leave(0, "alpha")).toBe(true);
  });

  test("gets as many answers as one call takes, and none a second time that it refused", async () => {
    const handed: number[] = [];
    const fails: ("ERR_PEER_UNREACHABLE" | "ERR_PEER_REFUSED")[] = ["ERR_PEER_UNREACHABLE", "ERR_PEER_REFUSED"];
    const office = createPostOffice({
      member: "beta",
      network: NETWORK,
      identity: identities.beta,
      now: () => new Date().toISOString(),
      shelf: createShelf(() => Date.now()),
      publicKey: async () => identities.alpha.publicKey,
      baseOf: async () => undefined,
      operator: async () => "operator",
      dispatch: async () => ({ status: 400, body: {} }),
      post: async () => ({ kind: "passing", code: "none", doubtful: false }),
      async fetch(_place, letters) {
        handed.push(letters.length);
        const code = fails.shift();
        if (code !== undefined) throw new PeerError(code, "not now");
        return [];
      },
      onError: () => undefined,
      pauses: { directMs: 600_000, relayedMs: 600_000, longestMs: 600_000 },
    });
    stopping.push(async () => office.stop());
    const letters = Array.from({ length: 600 }, () =>
      writeLetter(identities.alpha, {
        network: NETWORK,
        to: "beta",
        at: new Date().toISOString(),
        content: { call: { pid: randomBytes(8).toString("hex"), path: "negotiations/request", body: {} } },
      }),
    );
    await office.takeIn(letters.slice(0, 300));
    await office.takeIn(letters.slice(300));
    await expect(office.collectFrom("alpha", 0)).rejects.toThrow();
    await expect(office.collectFrom("alpha", 0)).rejects.toThrow();
    await office.collectFrom("alpha", 0);
    expect(handed).toEqual([512, 512, 88]);
  });

  test("a letter that is kept and handed out again, or long after it was written, is not heard", async () => {
    const heard: string[] = [];
    let time = Date.now();
    const office = createPostOffice({
      member: "beta",
      network: NETWORK,
      identity: identities.beta,
      now: () => new Date(time).toISOString(),
      shelf: createShelf(() => time),
      publicKey: async () => identities.alpha.publicKey,
      baseOf: async () => undefined,
      operator: async () => "operator",
      async dispatch(_from, path) {
        heard.push(path);
        return { status: 200, body: {} };
      },
      post: async () => ({ kind: "passing", code: "none", doubtful: false }),
      fetch: async () => [],
      onError: () => undefined,
    });
    stopping.push(async () => office.stop());
    const written = (path: string) => {
      const content = { call: { pid: path, path, body: {} } };
      return writeLetter(identities.alpha, { network: NETWORK, to: "beta", at: new Date(time).toISOString(), content });
    };
    const [suspension, start] = [written("suspension"), written("start")];
    await office.takeIn([suspension]);
    await office.takeIn([start]);
    await office.takeIn([suspension]);
    const kept = written("kept");
    time += LETTER_LIFE_MS + 1;
    await office.takeIn([kept, written("new")]);
    expect(heard).toEqual(["suspension", "start", "new"]);
  });

  test("an answer counts only from whom the letter was to", async () => {
    const { at, begin, states } = createWorld(["operator", "alpha"]);
    await begin("pid-1");
    let [letter] = await at("alpha").shelf.collect("beta", 50);
    const reply = (by: Name) =>
      writeLetter(identities[by], {
        network: NETWORK,
        to: "alpha",
        at: new Date().toISOString(),
        content: { reply: { to: letter!.signature, status: 201, body: ANSWER } },
      });
    await at("alpha").office.serve("mallory", [reply("mallory")], 0);
    await at("alpha").office.serve("mallory", [reply("beta")], 0);
    expect(await states("pid-1")).toEqual([undefined, undefined, undefined, undefined]);
    [letter] = await at("alpha").shelf.collect("beta", 50);
    await at("alpha").office.serve("beta", [reply("beta")], 0);
    await expect.poll(async () => (await states("pid-1"))[0], PATIENCE).toBe("REQUESTED");
  });
});

const ANSWER = {
  "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
  "@type": "ContractNegotiation",
  providerPid: "p",
  consumerPid: "pid-1",
  state: "REQUESTED",
};
const bodyOf = ({ statement: { content } }: Letter) =>
  ("call" in content ? content.call.body : {}) as { readonly consumerPid?: string };
const withCall = (letter: Letter, change: object): Letter =>
  "call" in letter.statement.content
    ? {
        ...letter,
        statement: { ...letter.statement, content: { call: { ...letter.statement.content.call, ...change } } },
      }
    : letter;
