import initialize from "node-seal";
import { expect, test } from "vitest";
import { signingIdentity } from "../suites/signed.ts";
import { type Contribution, ciphertextsToAdd, type SumOf, signContribution } from "./contribution.ts";
import { parametersFor, parametersNamed } from "./parameters.ts";
import { createHeKeys, openAddSession, openEncryptSession } from "./session.ts";

const seal = await initialize();
const set = parametersFor(2);
const sum: SumOf = { computation: "one", context: "masks", set, words: 3 };
const encrypting = openEncryptSession({ seal, set }, createHeKeys({ seal, set }).publicKey);
const identities = ["a", "b"].map((member, i) => signingIdentity(member, "intl", new Uint8Array(32).fill(i + 1)));
const publicKeys = new Map(identities.map(({ member, publicKey }) => [member, publicKey]));
const encrypted = () => [encrypting.encrypt(BigUint64Array.of(1n, 2n, 3n))];
const [a, b] = identities.map((identity) => signContribution(identity, sum, encrypted())) as [
  Contribution,
  Contribution,
];
const REFUSED = expect.objectContaining({ code: "ERR_HE_AUTHENTICITY" });

test("signed ciphertexts are added by place", () => {
  expect(ciphertextsToAdd(sum, publicKeys, [a, b])).toEqual([[a.ciphertexts[0], b.ciphertexts[0]]]);
});

test.each<readonly [string, readonly Contribution[]]>([
  ["of one member twice", [a, a]],
  ["of a member that was not named", [a, { ...b, header: { ...b.header, signer: "c" } }]],
  ["that is missing", [a]],
  ["signed by somebody else", [a, { ...a, header: { ...a.header, signer: "b" } }]],
  ["whose ciphertexts are another's", [a, { ...b, ciphertexts: a.ciphertexts }]],
  ["for another computation", [a, signContribution(identities[1]!, { ...sum, computation: "two" }, encrypted())]],
  ["under other masks", [a, signContribution(identities[1]!, { ...sum, context: "others" }, encrypted())]],
  ["of another length", [a, signContribution(identities[1]!, { ...sum, words: 4 }, encrypted())]],
  [
    "of other parameters",
    [a, signContribution(identities[1]!, { ...sum, set: parametersNamed("bfv-4096-60-26") }, encrypted())],
  ],
])("a contribution %s is refused", (_, contributions) => {
  expect(() => ciphertextsToAdd(sum, publicKeys, contributions)).toThrow(REFUSED);
});

test("a ciphertext that is not the one whose hash was signed is not added", () => {
  using adding = openAddSession({ seal, set });
  const [own, other] = [a.ciphertexts[0]!, b.ciphertexts[0]!];
  expect(() => adding.add([own, { hash: other.hash, bytes: own.bytes }])).toThrow(REFUSED);
});

test("more contributions than the parameters bear, or more ciphertexts than words, are refused first", () => {
  const many = Array.from({ length: 17 }, () => a);
  expect(() => ciphertextsToAdd(sum, publicKeys, many)).toThrow(expect.objectContaining({ code: "ERR_HE_PARAMETERS" }));
  const long = { ...a, ciphertexts: [...a.ciphertexts, ...a.ciphertexts] };
  expect(() => ciphertextsToAdd(sum, publicKeys, [long, b])).toThrow(
    expect.objectContaining({ code: "ERR_HE_VECTOR" }),
  );
});
