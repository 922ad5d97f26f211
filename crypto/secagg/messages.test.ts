import { expect, test } from "vitest";
import { smallWorld } from "./_adversary.ts";
import { createNetwork } from "./_network.ts";
import { MESSAGES, type MessageType, maximumBytes, parseMessage } from "./messages.ts";

const network = createNetwork(smallWorld(5));
network.run();
const samples = new Map(network.sent.map(({ message }) => [message.type, message]));
const size = { members: 5, words: 2, atoms: 1 };
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

test("every message of a run is within its size rule and its schema", () => {
  const unsent: MessageType[] = ["refusal", "omitted", "reveal"];
  for (const type of Object.keys(MESSAGES) as MessageType[]) {
    if (unsent.includes(type)) continue;
    const message = samples.get(type)!;
    expect(parseMessage(bytes(message), { type, ...size })).toEqual(message);
  }
});

test("size is checked before anything else is read", () => {
  const huge = new Uint8Array(maximumBytes("keys", size) + 1);
  expect(() => parseMessage(huge, { type: "keys", ...size })).toThrow(/keys: .* bytes, at most/);
});

test("hostile messages are refused with the field that is wrong", () => {
  const keys = samples.get("keys") as { keys: { statement: { body: object } } };
  const parse = (value: unknown) => () => parseMessage(bytes(value), { type: "keys", ...size });
  expect(parse("{")).toThrow(/not JSON/);
  expect(parse({ type: "nothing" })).toThrow(/not a message/);
  expect(parse({ type: "__proto__" })).toThrow(/not a message/);
  expect(parse({ ...keys, more: 1 })).toThrow(/keys/);
  expect(parse(samples.get("accept"))).toThrow(/wanted keys, got accept/);
  const short = { ...keys.keys.statement, body: { ...keys.keys.statement.body, pair1: "AA" } };
  expect(parse({ ...keys, keys: { ...keys.keys, statement: short } })).toThrow(/pair1/);
});

test("limits grow with members and words, so that the largest allowed run fits and no more", () => {
  const big = { members: 129, words: 100_000, atoms: 50_000 };
  expect(maximumBytes("contribution-2", big)).toBeLessThan(1.1e6);
  expect(maximumBytes("shares", big)).toBeLessThan(900_000);
  expect(maximumBytes("views-2", big)).toBeLessThan(200_000);
});
