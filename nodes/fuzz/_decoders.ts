/**
 * Everything that reads what another party wrote, with valid inputs to spoil. A decoder may refuse by the error class
 * of its folder, or by its answer; anything else thrown is a defect.
 */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import { closedWorld, openingBody, operator, providers, receiverKey } from "../../chaincode/rules/_world.ts";
import { execute } from "../../chaincode/rules/execute.ts";
import { TRANSACTIONS, type TransactionType } from "../../chaincode/rules/transactions.ts";
import { assertCiphertexts } from "../../crypto/he/ciphertexts.ts";
import { HeError } from "../../crypto/he/errors.ts";
import { assertPublicKey, newPairs } from "../../crypto/he/pairs.ts";
import { parametersFor } from "../../crypto/he/parameters.ts";
import { assertQuery, assertQueryKey, QUERY_BYTES, QUERY_KEY_BYTES, QUERY_PREFIX } from "../../crypto/he/query.ts";
import { openDecryption } from "../../crypto/he/scheme.ts";
import { SecaggError } from "../../crypto/secagg/errors.ts";
import { publicKeyOf } from "../../crypto/secagg/key-agreement.ts";
import { checkMessage, MESSAGES, type MessageType, parseMessage } from "../../crypto/secagg/messages.ts";
import { openShares } from "../../crypto/secagg/share-box.ts";
import { wordsOfText } from "../../crypto/secagg/words.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { type SigningDomain, signingIdentity, signStatement, verifySigned } from "../../crypto/suites/signed.ts";
import { acceptEntry, publishEntry } from "../../exchange/catalog/catalogue.ts";
import { checkDescription } from "../../exchange/catalog/check-description.ts";
import { AssetDescription } from "../../exchange/catalog/description.ts";
import { CatalogError } from "../../exchange/catalog/errors.ts";
import { ComputationDocuments, checkDocuments } from "../../exchange/computations/documents.ts";
import { ComputationError } from "../../exchange/computations/errors.ts";
import { offerOf } from "../../exchange/negotiation/agreement.ts";
import { dataRequestOf, withDataRequest } from "../../exchange/negotiation/data-request.ts";
import { MessageOffer, NEGOTIATION_MESSAGES } from "../../exchange/negotiation/messages.ts";
import { parseMessage as parseNegotiation } from "../../exchange/negotiation/parse-message.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { RequestDocumentSchema, verifyDocument } from "../../exchange/requests/pull.ts";
import { problemsOf } from "../../exchange/requests/validate.ts";
import { playLife } from "../../ledger/audit/_fixture.ts";
import { encodeEvidence } from "../../ledger/audit/build.ts";
import { verifyEvidence, verifyEvidenceFile } from "../../ledger/audit/verify.ts";
import { transaction, uuid } from "../../ledger/conformance/fixture.ts";
import { openCheckpoint, parseCheckpoint, signCheckpoint } from "../../ledger/log/checkpoint.ts";
import { cosign, evaluateQuorum, withCosignatures } from "../../ledger/log/cosignature.ts";
import { LogError } from "../../ledger/log/errors.ts";
import { encodeVerifierKey, noteKey, parseNote, parseVerifierKey } from "../../ledger/log/note.ts";
import { formatProof, parseProof, verifyProof } from "../../ledger/log/proof-text.ts";
import { asset, draft, request } from "../../policies/_fixture.ts";
import { Asset } from "../../policies/model/asset.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { Policy, policyJsonSchema } from "../../policies/model/policy.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { DataRequest } from "../../policies/model/request.ts";
import { ConfigError } from "../config/config-error.ts";
import { NodeConfig, parseConfig } from "../config/node-config.ts";
import { LetterSchema, readLetter, writeLetter } from "../dataspace/letters.ts";
import { PeerError } from "../peer/peer-error.ts";
import { PeerClaims, signPeerRequest, verifyPeerSignature } from "../peer/request-signature.ts";
import { parseWireJson } from "../peer/wire-json.ts";
import { QueryCall, QueryReply } from "../queries/messages.ts";
import { Invitation, parseInvitation } from "../runtime/network/invitation.ts";
import { NetworkError } from "../runtime/network/network-error.ts";
import { decodeFrames, encodeFrame } from "../sources/frames.ts";
import { arbitraryOf } from "./_arbitrary.ts";
import { bytesOf, mutated, nasty } from "./_hostile.ts";
import { checkProperty, type Figures, type Plan, seedOf } from "./_run.ts";

type ErrorClass = abstract new (...args: never) => Error;

interface Decoder<T = unknown> {
  readonly name: string;
  readonly input: fc.Arbitrary<T>;
  readonly decode: (input: T) => unknown;
  /** Classes it may throw; none: it never throws. */
  readonly refuses: readonly ErrorClass[];
}

const decoder = <T>(
  name: string,
  input: fc.Arbitrary<T>,
  decode: (input: T) => unknown,
  ...refuses: readonly ErrorClass[]
): Decoder => ({ name, input, decode, refuses }) as unknown as Decoder;

const spoilt = (schema: TSchema, ...real: readonly unknown[]): fc.Arbitrary<unknown> =>
  mutated(real.length === 0 ? arbitraryOf(schema) : fc.oneof(arbitraryOf(schema), fc.constantFrom(...real)));

/** What they read has come through the JSON of the wire, which lets less through than JSON.parse. */
const overTheWire = (one: Decoder): Decoder => ({
  ...one,
  decode(value) {
    let received: unknown;
    try {
      received = parseWireJson(Buffer.from(JSON.stringify(value) ?? ""));
    } catch {
      return undefined;
    }
    return one.decode(received);
  },
});

/** Text with lines lost, doubled, changed or replaced by what another decoder takes. */
const spoiltText = (...real: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.oneof({ arbitrary: fc.constantFrom(...real), weight: 6 }, fc.string({ unit: "binary", maxLength: 300 })),
      fc.array(
        fc.record({
          at: fc.nat({ max: 5_000 }),
          cut: fc.nat({ max: 12 }),
          put: fc.oneof(
            fc.string({ unit: "binary", maxLength: 4 }),
            fc.constantFrom("", "\n", "\n\n", "—", "+", "9".repeat(30), "=", " "),
          ),
        }),
        { maxLength: 4 },
      ),
    )
    .map(([text, edits]) =>
      edits.reduce((now, { at, cut, put }) => {
        const from = at % (now.length + 1);
        return now.slice(0, from) + put + now.slice(from + cut);
      }, text),
    );

/** A decoder's promise, in figures. */
export async function fuzzDecoders({ cases, seed }: Plan): Promise<readonly Figures[]> {
  const decoders = [
    ...secagg(),
    ...homomorphic(),
    ...statements(),
    ...(await contract()),
    ...log(),
    ...(await evidence()),
    ...exchange().map(overTheWire),
    ...policies(),
    ...node(),
  ];
  const each = Math.ceil(cases / decoders.length);
  const figures: Figures[] = [];
  for (const { name, input, decode, refuses } of decoders) {
    const plan = { cases: each, seed: seedOf(seed, name) };
    figures.push(
      await checkProperty(name, plan, input, async (value) => {
        try {
          await decode(value);
        } catch (error) {
          if (!refuses.some((known) => error instanceof known)) throw error;
        }
      }),
    );
  }
  return figures;
}

const SIZE = { members: 5, words: 4, atoms: 2 };

function secagg(): readonly Decoder[] {
  const privateKey = toBase64url(random(32));
  const publicKey = publicKeyOf("intl", privateKey);
  const use = {
    suite: "intl" as const,
    context: "A".repeat(43),
    kind: "seal" as const,
    phase: 0 as const,
    ids: ["a", "b"] as const,
    keys: [publicKey, publicKey] as const,
  };
  const box = toBase64url(random(12 + 4 * 33 + 16));
  return [
    ...Object.entries(MESSAGES).map(([type, schema]) =>
      decoder(`secagg message ${type}`, spoilt(schema), checkMessage, SecaggError),
    ),
    ...Object.entries(MESSAGES).map(([type, schema]) =>
      decoder(
        `secagg bytes ${type}`,
        bytesOf(spoilt(schema)),
        (bytes) => parseMessage(bytes, { type: type as MessageType, ...SIZE }),
        SecaggError,
      ),
    ),
    decoder("secagg share box", spoiltText(box), (text) => openShares(privateKey, publicKey, use, text), SecaggError),
    decoder(
      "secagg key of another",
      spoiltText(publicKey),
      (text) => openShares(privateKey, text, use, box),
      SecaggError,
    ),
    decoder("secagg words", spoiltText(toBase64url(random(32))), (text) => wordsOfText(text, "words", 4), SecaggError),
    decoder("base64url", spoiltText(toBase64url(random(32))), (text) => fromBase64url(text, "text"), RangeError),
  ];
}

/** Large blobs of one length each, of which only a few places are spoilt; cut, or longer; or others altogether. */
function homomorphic(): readonly Decoder[] {
  const set = parametersFor(3);
  const named = (kind: "ciphertext" | "public key", count: number) => {
    const bytes = newPairs(set, kind, count);
    return Uint8Array.from(bytes.fill(1, bytes.length - 8));
  };
  const query = new Uint8Array(QUERY_BYTES).fill(0, 0);
  query.set(QUERY_PREFIX);
  query[QUERY_BYTES - 8] = 1;
  const ciphertexts = named("ciphertext", 1);
  const publicKey = named("public key", 1);
  // What is good is taken, or every refusal below is for nothing.
  assertCiphertexts(set, ciphertexts);
  assertPublicKey(set, publicKey);
  assertQuery(query);
  const secret = new Uint8Array(set.degree).fill(1);
  const one = (name: string, good: Uint8Array, decode: (bytes: Uint8Array) => unknown) =>
    decoder(`homomorphic ${name}`, spoiltBlob(good), decode, HeError);
  return [
    one("ciphertexts", ciphertexts, (bytes) => assertCiphertexts(set, bytes)),
    one("ciphertexts that are decrypted", ciphertexts, (bytes) => {
      using reader = openDecryption(set, secret);
      reader.decrypt(bytes, 1);
    }),
    one("public key", publicKey, (bytes) => assertPublicKey(set, bytes)),
    one("query", query, assertQuery),
    one("query key", new Uint8Array(QUERY_KEY_BYTES), assertQueryKey),
    decoder(
      "encrypted query",
      spoilt(QueryCall),
      (value) => {
        if (!Value.Check(QueryCall, value)) return;
        for (const text of [value.publicKey, ...value.lists]) fromBase64url(text, "query");
      },
      RangeError,
    ),
    decoder(
      "answer to an encrypted query",
      spoilt(QueryReply),
      (value) => {
        if (!Value.Check(QueryReply, value)) return;
        verifySigned(identity.publicKey, "query", value.answer);
        for (const text of value.answers) fromBase64url(text, "answer");
      },
      RangeError,
    ),
  ];
}

const spoiltBlob = (good: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.uint8Array({ minLength: 1, maxLength: 9 })), {
        maxLength: 3,
      }),
      // Prefixes are where the fields are.
      fc.array(fc.tuple(fc.nat({ max: 120 }), fc.nat({ max: 255 })), { maxLength: 2 }),
      fc.oneof({ arbitrary: fc.constant(0), weight: 4 }, fc.integer({ min: -good.length, max: good.length })),
    )
    .map(([runs, bytes, longer]) => {
      const copy = new Uint8Array(good.length + longer);
      copy.set(good.subarray(0, copy.length));
      for (const [at, run] of runs) if (at + run.length <= copy.length) copy.set(run, at);
      for (const [at, byte] of bytes) if (at < copy.length) copy[at] = byte;
      return copy;
    });

const random = (bytes: number): Uint8Array => {
  const out = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) out[at] = createHash("sha256").update(`${bytes}/${at}`).digest()[0]!;
  return out;
};
const identity = signingIdentity("alpha", "intl", random(32));

function statements(): readonly Decoder[] {
  const real = signStatement(identity, "view", { digest: "A", position: 1, nested: { list: [1, "two"] } });
  const never = (domain: SigningDomain) => (value: unknown) => {
    if (verifySigned(identity.publicKey, domain, value as never) && JSON.stringify(value) !== JSON.stringify(real)) {
      // A key more beside the envelope is for the reader's schema; the envelope itself must be the signed one.
      const { statement, signer, key, suite, signature } = value as typeof real;
      const same = JSON.stringify({ statement, signer, key, suite, signature });
      const canonical = (part: unknown) => JSON.stringify(part, (_, inner) => sorted(inner));
      if (canonical(JSON.parse(same)) !== canonical(real)) throw new Error("another statement verifies");
    }
  };
  const claims = signPeerRequest(
    identity,
    { network: "net", to: "beta", method: "GET", target: "/peer/v1/x", body: new Uint8Array() },
    { now: () => "2026-01-01T00:00:00Z", random },
  );
  const check = {
    network: "net",
    audience: "beta",
    now: () => "2026-01-01T00:00:00Z",
    publicKey: async () => identity.publicKey,
  };
  const jws = spoilt(PeerClaims).map((payload) =>
    [{ alg: "EdDSA", typ: "sealane-peer+jws", kid: identity.key }, payload, "x"]
      .map((part) => Buffer.from(JSON.stringify(part) ?? "").toString("base64url"))
      .join("."),
  );
  return [
    decoder("signed statement", mutated(fc.constant(real)), never("view")),
    decoder("signed statement of another purpose", mutated(fc.constant(real)), (value) => {
      if (verifySigned(identity.publicKey, "receipt", value as never)) throw new Error("verifies for another purpose");
    }),
    decoder("peer signature", fc.oneof(jws, nasty), (header) => verifyPeerSignature(header, check), PeerError),
    decoder(
      "peer signature, real one spoilt",
      spoiltText("@"),
      async (edit) => verifyPeerSignature((await claims).replace(/(.{40}).{3}/, `$1${edit.slice(0, 5)}`), check),
      PeerError,
    ),
  ];
}

const sorted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** Transactions reach the contract signed by a real member, so that every rule sees hostile bodies. */
async function contract(): Promise<readonly Decoder[]> {
  const world = await closedWorld();
  const host = {
    store: {
      ...world.state,
      get: (key: string) => world.state.get(key),
      range: (prefix: string) => world.state.range(prefix),
      put: async () => undefined,
    },
    time: "2026-03-01T08:30:00.000Z",
    position: 10_000,
    logSize: 10_000,
    verify: () => true,
  };
  const real: Partial<Record<TransactionType, unknown[]>> = {
    "computation.open": [openingBody(), openingBody({ receiverKey: receiverKey(uuid("computation")) })],
  };
  let serial = 0;
  const run = (type: TransactionType) => async (body: unknown) => {
    serial += 1;
    const signed = transaction(providers[serial % 3]!, type, body as never, uuid(`fuzz ${serial}`));
    const outcome = await execute(host, signed);
    if (!outcome.ok && !outcome.code.startsWith("ERR_CONTRACT_")) throw new Error(`no known code: ${outcome.code}`);
  };
  const whole = transaction(operator, "access.anchor", { from: 0, to: 1, root: "A".repeat(43) });
  return [
    ...Object.entries(TRANSACTIONS).map(([type, schema]) =>
      decoder(
        `transaction ${type}`,
        // What has no canonical form cannot be signed either.
        spoilt(schema, ...(real[type as TransactionType] ?? [])).filter(isSignable),
        run(type as TransactionType),
      ),
    ),
    decoder("transaction envelope", mutated(fc.constant(whole)), async (value) => {
      const outcome = await execute(host, value);
      if (!outcome.ok && !outcome.code.startsWith("ERR_CONTRACT_")) throw new Error(`no known code: ${outcome.code}`);
    }),
  ];
}

function isSignable(value: unknown): boolean {
  try {
    signStatement(identity, "transaction", value);
    return true;
  } catch {
    return false;
  }
}

function log(): readonly Decoder[] {
  const origin = "sealane.ledger/net";
  const root = random(32);
  const checkpoint = signCheckpoint({ origin, size: 5, root }, identity);
  const logKey = noteKey(origin, "note", identity);
  const cosigner = { ...identity, name: `${origin}/alpha` };
  const opened = parseCheckpoint(checkpoint);
  const note = withCosignatures(opened, [cosign(opened.note.text, cosigner, 1_700_000_000)]);
  const cosigners = [noteKey(cosigner.name, "cosignature", identity)];
  const proof = formatProof({ index: 2, path: [random(32), random(32), random(32)], checkpoint: note });
  return [
    decoder("note", spoiltText(note), parseNote, LogError),
    decoder(
      "checkpoint",
      spoiltText(note, checkpoint),
      (text) => evaluateQuorum(openCheckpoint(text, logKey), logKey, cosigners, 1),
      LogError,
    ),
    decoder("verifier key", spoiltText(encodeVerifierKey(logKey)), parseVerifierKey, LogError),
    decoder("proof", spoiltText(proof), parseProof, LogError),
    decoder("proof verdict", spoiltText(proof), (text) =>
      verifyProof(text, root, { log: logKey, cosigners, quorum: 1 }),
    ),
  ];
}

async function evidence(): Promise<readonly Decoder[]> {
  const lives = [await playLife({ mode: "registry" }), await playLife({ mode: "counted" })];
  const [life] = lives;
  const bundles = lives.map(({ bundle }) => bundle);
  const unbroken = (value: unknown) => (verify: (bundle: unknown) => ReturnType<typeof verifyEvidence>) => {
    const report = verify(value);
    const broken = report.checks.flatMap((check) =>
      check.status === "failed" ? check.problems.filter(({ code }) => code === "verifier-error") : [],
    );
    if (broken.length > 0) throw new Error(`the verifier broke: ${JSON.stringify(broken)}`);
    if (
      report.verdict === "verified" &&
      !bundles.some((known) => encodeEvidence(known) === encodeEvidence(value as never))
    ) {
      throw new Error("another bundle verifies");
    }
  };
  return [
    decoder("evidence bundle", mutated(fc.constantFrom(...bundles)), (value) =>
      unbroken(value)((bundle) => verifyEvidence(bundle, life!.trust)),
    ),
    decoder(
      "evidence file",
      bytesOf(mutated(fc.constantFrom(...bundles))),
      (bytes) => void verifyEvidenceFile(bytes, life!.trust),
    ),
    decoder("trust file", mutated(fc.constant(life!.trust)), (trust) => void verifyEvidence(life!.bundle, trust)),
  ];
}

function exchange(): readonly Decoder[] {
  const publicKey = identity.publicKey;
  const own: Asset = { ...asset, id: "alpha:panel", provider: "alpha" };
  const entry = publishEntry(identity, { asset: own, offer: policyOf(draft), publishedAt: "2026-01-01T00:00:00Z" });
  const document = { document: signStatement(identity, "data-request", request), salt: toBase64url(random(32)) };
  const life = {
    name: "submitted" as const,
    id: request.id,
    requester: request.requester,
    receiver: request.receiver,
    digest: "A".repeat(43),
    submittedAt: "2026-01-01T00:00:00Z",
    assets: {},
    failures: [],
  };
  const reference = { "@id": "https://a.example/dsp/2025-1/requests/1", request: request.id, digest: life.digest };
  const offer = withDataRequest(offerOf(policyOf(draft)), reference);
  const letter = writeLetter(identity, {
    network: "network",
    to: "beta",
    at: "2026-01-01T00:00:00Z",
    content: { call: { pid: "pid", path: "negotiations/request", body: offer } },
  });
  const columns = [{ name: "value", stored: "decimal" as const }];
  const directory = {
    member: async () => undefined,
    asset: async () => undefined,
    attributes: async () => ({}),
    privacyLeft: async () => undefined,
    request: async () => undefined,
  };
  const digests = { queryDigest: "A".repeat(43), layoutDigest: "A".repeat(43), policyDigest: "A".repeat(43) };
  const { version: _v, provider: _p, quality: _q, sourceDigest: _s, ...description } = own;
  return [
    decoder(
      "catalogue entry",
      mutated(fc.constant(entry)),
      (value) => acceptEntry(value, () => publicKey),
      CatalogError,
    ),
    decoder("asset description", spoilt(AssetDescription, description), (value) => {
      checkDescription(value, "alpha", columns as never);
    }),
    ...Object.entries(NEGOTIATION_MESSAGES).map(([type, schema]) =>
      decoder(`negotiation ${type}`, spoilt(schema), (value) => void parseNegotiation(value)),
    ),
    decoder("letter", spoilt(LetterSchema, letter), async (value) => {
      await readLetter(value, "network", async () => publicKey);
    }),
    decoder("negotiation offer", spoilt(MessageOffer, offer), (value) => {
      if (Value.Check(MessageOffer, value)) dataRequestOf(value);
    }),
    decoder("data request", spoilt(DataRequest, request), (value) =>
      problemsOf(value, { directory, now: "2026-01-01T00:00:00Z" }),
    ),
    decoder(
      "request document",
      spoilt(RequestDocumentSchema, document),
      (value) => verifyDocument(life, value, { publicKey: async () => publicKey }),
      RequestError,
    ),
    decoder(
      "computation documents",
      spoilt(ComputationDocuments),
      (value) => checkDocuments(value, digests),
      ComputationError,
    ),
  ];
}

const policies = (): readonly Decoder[] => [
  decoder("policy", spoilt(policyJsonSchema), (value) => void parsePolicy(value)),
  decoder("policy, loose", spoilt(Policy), (value) => void parsePolicy(value)),
];

function node(): readonly Decoder[] {
  const frames = spoilt(Asset).map((value) => encodeFrame(value ?? null));
  return [
    decoder("configuration", spoilt(NodeConfig), parseConfig, ConfigError),
    decoder("invitation", spoilt(Invitation), (value) => parseInvitation(value, "2026-01-01T00:00:00Z"), NetworkError),
    decoder(
      "source frames",
      fc.tuple(fc.array(frames, { maxLength: 3 }), fc.uint8Array({ maxLength: 12 }), fc.nat({ max: 500 })),
      async ([good, tail, at]) => {
        const all = Buffer.concat([...good, tail]);
        const pieces = [all.subarray(0, at % (all.length + 1)), all.subarray(at % (all.length + 1))];
        for await (const _ of decodeFrames(Readable.from(pieces.filter(({ length }) => length > 0))));
      },
      // The engine's own process writes them; its driver takes either for a crash.
      RangeError,
      SyntaxError,
    ),
  ];
}
