/**
 * The steps of a whole computation with one hostile party: copies of what it sends are spoilt, signed again by it, and
 * sent before the true ones. A step may refuse with SecaggError, nothing else; a hostile member cannot stop the others.
 */
import fc from "fast-check";
import { C, createNetwork, type Network, names, type World } from "../../crypto/secagg/_network.ts";
import type { Message } from "../../crypto/secagg/messages.ts";
import type { SigningDomain } from "../../crypto/suites/signed.ts";
import { parseWireJson } from "../peer/wire-json.ts";
import { mutated } from "./_hostile.ts";
import { checkProperty, type Figures, type Plan, seedOf } from "./_run.ts";

const MEMBERS = names(6);
const HOSTILE = MEMBERS[2]!;

const world = (mode: World["mode"]): World => ({
  members: MEMBERS,
  values: Object.fromEntries(MEMBERS.map((member, at) => [member, [[BigInt(at + 1)], [BigInt(10 * at + 10)]]])),
  mode,
  dimensions: [{ name: "year", size: 2 }],
});

/** Which message of the hostile party is spoilt, and how. */
interface Spoiling {
  readonly nth: number;
  readonly spoil: (message: Message) => unknown;
}

const spoiling: fc.Arbitrary<Spoiling> = fc
  .tuple(fc.nat({ max: 80 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }))
  // The change is drawn again from its own seed once the message is known.
  .map(([nth, seed]) => ({
    nth,
    spoil: (message) => fc.sample(mutated(fc.constant(message)), { numRuns: 1, seed })[0],
    [fc.toStringMethod]: () => `message ${nth} of the hostile party, spoilt with seed ${seed}`,
  }));

/** Half of the cases each: a member and the coordinator. */
export async function fuzzSteps({ cases, seed }: Plan): Promise<readonly Figures[]> {
  const figures: Figures[] = [];
  for (const mode of ["registry", "counted"] as const) {
    for (const hostile of [HOSTILE, C]) {
      const what = `steps, ${mode} mode, hostile ${hostile === C ? "coordinator" : "member"}`;
      const plan = { cases: Math.ceil(cases / 4), seed: seedOf(seed, what) };
      figures.push(await checkProperty(what, plan, spoiling, (one) => playWith(mode, hostile, one)));
    }
  }
  return figures;
}

function playWith(mode: World["mode"], hostile: string, { nth, spoil }: Spoiling): void {
  let count = 0;
  let type = "none";
  const network = createNetwork({
    ...world(mode),
    intercept: (sent, running) => {
      if (sent.from !== hostile) return [sent];
      count += 1;
      if (count !== nth + 1) return [sent];
      type = sent.message.type;
      const spoilt = received(spoil(sent.message));
      return spoilt === undefined
        ? [sent]
        : [{ ...sent, message: signedAgain(spoilt, hostile, running) as Message }, sent];
    },
  });
  try {
    network.run();
  } catch (error) {
    // Drivers apply the size rule before a step sees anything.
    if (/^size rule/.test((error as Error).message)) return;
    throw new Error(`spoilt ${type}: ${(error as Error).stack}`, { cause: error });
  }
  if (hostile === C || network.decoded !== undefined) return;
  const failed = network.records.find(({ record }) => record === "fail");
  if (failed?.record === "fail" && failed.blamed === hostile) return;
  const problems = network.problems.map(({ party, problem }) => `${party}: ${problem.message}`).join("\n");
  throw new Error(`a hostile member's ${type} stopped the computation: ${JSON.stringify(failed)}\n${problems}`);
}

/** As it comes out of the JSON of the wire; undefined for what that refuses. */
function received(value: unknown): unknown {
  try {
    return parseWireJson(Buffer.from(JSON.stringify(value) ?? ""));
  } catch {
    return undefined;
  }
}

/** Whatever the hostile party is named as the signer of gets a signature that fits. */
function signedAgain(value: unknown, hostile: string, network: Network): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => signedAgain(item, hostile, network));
  const parts = value as Record<string, unknown>;
  if ("signature" in parts && parts.signer === hostile) {
    try {
      return { ...parts, ...network.sign(hostile)(domainOf(parts.statement), parts.statement) };
    } catch {
      return value;
    }
  }
  return Object.fromEntries(Object.entries(parts).map(([key, part]) => [key, signedAgain(part, hostile, network)]));
}

function domainOf(statement: unknown): SigningDomain {
  const fields = (statement ?? {}) as Record<string, unknown>;
  if ("header" in fields) return "receipt";
  return "position" in fields ? "view" : "secagg-message";
}
