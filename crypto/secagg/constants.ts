/** Constants of the opening record (specification §2) and the checks every party makes on it before taking part. */
import { mostSealedWords } from "../he/ciphertexts.ts";
import { HeError } from "../he/errors.ts";
import { assertSumsFit, parametersNamed } from "../he/parameters.ts";
import { verifySigned } from "../suites/signed.ts";
import { readPublicKey } from "../suites/suite.ts";
import { suiteIn } from "./context.ts";
import { type Cut, chunkCount, wholeAtoms } from "./cut.ts";
import { SecaggError } from "./errors.ts";
import { assertUsablePublicKey } from "./key-agreement.ts";
import type { Layout } from "./layout.ts";
import type { Constants, Opened, Parties } from "./opened.ts";
import { periodOf } from "./words.ts";

/** k: neighbours of each member in cohorts of more than k + 1 members; up to there the graph is complete. */
export const NEIGHBOURS = 128;
/** t of k: of a secret's holders so many give it back. */
const NEIGHBOUR_THRESHOLD = 86;
const MAXIMUM_MEMBERS = 1000;
const DEFAULT_MINIMUM_ORGANISATIONS = 5;
const DEFAULT_COLLUDERS = 1;
const MAXIMUM_RESTARTS = 3;
/** Own clock may run this much behind the deadline when a view is signed. */
export const VIEW_TOLERANCE_MS = 60_000;
/** Half of an HMAC-SHA-256 (RFC 2104 section 5). */
export const VIEW_TAG_BYTES = 16;
/** The unmasking of a fixed closed set stays open this long. */
export const UNMASKING_OPEN_MS = 7 * 24 * 60 * 60 * 1000;
/** Above this many words over the whole cohort phase 1 is shown by fingerprints instead of contributions. */
export const TRANSCRIPT_WORDS = 1_000_000;

/** Most words of a chunk: 2 MiB. Phase 1 of the largest table (2^17 atoms, two words each) is one chunk. */
export const CHUNK_WORDS = 1 << 18;
/** Cells of the largest table: phase 1 of them is one chunk. */
export const MAXIMUM_ATOMS = CHUNK_WORDS / 2;
/** Chunks of the longest vector (2^24 words), of atoms that fill just over half a chunk. */
export const MAXIMUM_CHUNKS = 128;
/** First chunks of phase 2 come to R with the transcript where all of them together are at most so many words: 8 MiB. */
export const RIDING_WORDS = 1 << 20;

/** Phase 1 of this computation is checked by fingerprints (§6); follows from the opening alone. */
export const usesFingerprints = (opened: Opened): boolean =>
  opened.cells.mode === "counted" && 2 * atomsOf(opened) * opened.cohort.length > TRANSCRIPT_WORDS;

const atomsOf = (opened: Opened): number => opened.cells.dimensions.reduce((product, { size }) => product * size, 1);

/** Contributions of this many survivors that signed no fingerprint may be shown whole; more of them fail phase 1. */
export const mostShown = (words: number): number => Math.max(1, Math.floor(TRANSCRIPT_WORDS / words));

/** Quorum, and Shamir threshold of the complete graph. */
export const twoThirds = (members: number): number => Math.floor((2 * members) / 3) + 1;

export const graphKind = (members: number): Opened["graph"] => (members <= NEIGHBOURS + 1 ? "complete" : "neighbours");

export const thresholdOf = (members: number): number =>
  graphKind(members) === "complete" ? twoThirds(members) : NEIGHBOUR_THRESHOLD;

/**
 * Fewest members of U. With neighbours, C could else leave out honest members until colluders fill neighbourhoods:
 * of 1,000 with 333 colluders, 2^-8 at two thirds and 2^-34 at nine tenths (docs/decisions/106).
 */
export const keysetMinimum = ({ constants, graph }: Pick<Opened, "constants" | "graph">): number =>
  graph === "complete" ? constants.quorum : Math.ceil((9 * constants.members) / 10);

function refuse(message: string): never {
  throw new SecaggError("ERR_SECAGG_OPENING", message);
}

/** Constants from the strictest policy's minima; `drops` is part of the opening, never of who turned up. */
export function constantsFor(options: {
  members: number;
  minimumOrganisations?: number;
  minimumUnits?: number;
  colluders?: number;
  drops?: number;
}): Constants {
  const { members, minimumOrganisations = DEFAULT_MINIMUM_ORGANISATIONS, colluders = DEFAULT_COLLUDERS } = options;
  const constants = {
    members,
    threshold: thresholdOf(members),
    quorum: twoThirds(members),
    minimumOrganisations,
    minimumUnits: options.minimumUnits ?? 0,
    colluders,
    drops: options.drops ?? Math.floor(members / 20),
    need: Math.max(minimumOrganisations, 3 + colluders),
  };
  assertConstants(constants, members);
  return Object.freeze(constants);
}

export function assertConstants(constants: Constants, cohort: number): void {
  const { members, threshold, quorum, colluders, drops, need, minimumOrganisations } = constants;
  if (members !== cohort) refuse(`constants.members: cohort has ${cohort}, got ${members}`);
  if (members < 3) refuse(`constants.members: at least 3 organisations are needed, got ${members}`);
  if (members > MAXIMUM_MEMBERS) refuse(`constants.members: at most ${MAXIMUM_MEMBERS}, got ${members}`);
  if (threshold !== thresholdOf(members)) {
    refuse(`constants.threshold: wanted ${thresholdOf(members)}, got ${threshold}`);
  }
  if (quorum !== twoThirds(members)) refuse(`constants.quorum: wanted ${twoThirds(members)}, got ${quorum}`);
  if (members <= 4 && colluders !== 0) refuse(`constants.colluders: a cohort of ${members} needs 0, got ${colluders}`);
  if (colluders >= threshold)
    refuse(`constants.colluders: must stay below the threshold ${threshold}, got ${colluders}`);
  const wanted = Math.max(minimumOrganisations, 3 + colluders);
  if (need !== wanted) refuse(`constants.need: wanted max(m, 3 + c) = ${wanted}, got ${need}`);
  if (need + drops > members) refuse(`constants.need: no cell can hold need + drops = ${need + drops} of ${members}`);
}

/** Every rule on the opening that needs no document. Throws ERR_SECAGG_OPENING naming the field. */
export function assertOpening(opened: Opened, parties: Parties): void {
  const { cohort, coordinator, receiver, receiverKey, constants } = opened;
  assertConstants(constants, cohort.length);
  const kind = graphKind(cohort.length);
  if (opened.graph !== kind) refuse(`graph: wanted ${kind} for ${cohort.length} members, got ${opened.graph}`);
  cohort.forEach((entry, i) => {
    if (i > 0 && cohort[i - 1]!.member >= entry.member) refuse("cohort: members must ascend without repetition");
  });
  const groups = cohort.map((entry) => entry.holdingGroup);
  if (new Set(groups).size !== groups.length) refuse("cohort: one node per holding group may take part");
  for (const outsider of [coordinator, receiver, parties.requester, parties.sequencer]) {
    const group = parties.groups[outsider];
    if (group === undefined) refuse(`parties.groups: no holding group for ${outsider}`);
    if (groups.includes(group) || cohort.some((entry) => entry.member === outsider)) {
      refuse(`cohort: the holding group of ${outsider} must not be in it`);
    }
  }
  if (parties.groups[coordinator] === parties.groups[receiver]) refuse("receiver: must differ from the coordinator");
  if (opened.receiverMode === "direct" && receiver !== parties.requester) {
    refuse("receiver: in direct mode it is the requester");
  }
  if (opened.receiverMode === "direct" && opened.cells.dimensions.length > 1) {
    refuse("cells.dimensions: direct mode allows one partition dimension");
  }
  if (opened.receiverMode === "reviewed" && parties.groups[parties.requester] === parties.groups[receiver]) {
    refuse("receiver: in reviewed mode requester and receiver are different groups");
  }
  if (opened.auditor !== undefined && parties.groups[opened.auditor] === parties.groups[coordinator]) {
    refuse("auditor: must be in another group than the coordinator");
  }
  if (parties.groups[coordinator] === parties.groups[parties.sequencer] && !parties.coordinatorMaySequence) {
    refuse("coordinator: policy does not allow it to be the sequencer");
  }
  if (parties.restarts > MAXIMUM_RESTARTS) refuse(`restartOf: at most ${MAXIMUM_RESTARTS} restarts`);
  const key = parties.identities[receiver];
  const about = receiverKey.statement;
  if (
    key === undefined ||
    receiverKey.signer !== receiver ||
    about.computation !== opened.computation ||
    about.request !== opened.request ||
    about.receiver !== receiver ||
    !verifySigned(readPublicKey(key).publicKey, "receiver-key", receiverKey)
  ) {
    refuse("receiverKey: not signed by the receiver for this computation");
  }
  assertUsablePublicKey(suiteIn(opened), about.publicKey, "receiverKey");
  assertEnvelope(opened);
  const { deadlines } = opened;
  const order = [
    deadlines.keys,
    deadlines.shares,
    deadlines.contribution1,
    deadlines.contribution2,
    deadlines.release,
  ].map(Date.parse);
  if (order.some((time, i) => Number.isNaN(time) || (i > 0 && order[i - 1]! > time))) refuse("deadlines: must ascend");
}

/** How the vector of phase 2 is cut; with a homomorphic envelope a chunk is as many words as its ciphertexts may hold. */
export function valuesCut({ envelope }: Pick<Opened, "envelope">, layout: Layout, atoms: number): Cut {
  const period = periodOf(layout.components);
  const words = atoms * period;
  if (envelope === undefined) return { words, chunkWords: wholeAtoms(layout.chunkWords, period) };
  const most = Math.min(layout.chunkWords, mostSealedWords(parametersNamed(envelope.parameters)));
  return { words, chunkWords: wholeAtoms(most, period), set: envelope.parameters };
}

/** Sums over the cohort fit the plain modulus and decrypt, always; nothing is encrypted before that is sure. */
function assertEnvelope({ envelope, cohort, receiverKey }: Opened): void {
  if ((envelope === undefined) !== (receiverKey.statement.homomorphicKey === undefined)) {
    refuse("receiverKey: names a homomorphic key exactly where the opening has such an envelope");
  }
  if (envelope === undefined) return;
  try {
    assertSumsFit(parametersNamed(envelope.parameters), cohort.length);
  } catch (cause) {
    if (!(cause instanceof HeError)) throw cause;
    refuse(`envelope.parameters: ${cause.message}`);
  }
}

/** Rules on the layout (§4): its shape, and unit domains that must not overlap. */
export function assertLayout(opened: Opened, layout: Layout): void {
  const atoms = atomsOf(opened);
  if (layout.atoms !== atoms) refuse(`layout.atoms: the opened dimensions give ${atoms}, got ${layout.atoms}`);
  if (atoms > MAXIMUM_ATOMS) refuse(`layout.atoms: at most ${MAXIMUM_ATOMS}, got ${atoms}`);
  const wordsPerAtom = periodOf(layout.components);
  if (wordsPerAtom > CHUNK_WORDS) refuse(`layout.components: at most ${CHUNK_WORDS} words, got ${wordsPerAtom}`);
  if (opened.envelope !== undefined) {
    const cut = valuesCut(opened, layout, atoms);
    const most = mostSealedWords(parametersNamed(opened.envelope.parameters));
    if (cut.chunkWords > most) refuse(`layout.components: at most ${most} words under ${opened.envelope.parameters}`);
    if (chunkCount(cut) > MAXIMUM_CHUNKS) {
      refuse(
        `layout: ${cut.words} words, at most ${MAXIMUM_CHUNKS * cut.chunkWords} under ${opened.envelope.parameters}`,
      );
    }
  }
  if (layout.components.length === 0) refuse("layout.components: at least one is needed");
  if (layout.recordKeys.length !== atoms) refuse("layout.recordKeys: one list per atom is needed");
  layout.excluded.forEach((atom, i) => {
    if (atom < 0 || atom >= atoms || (i > 0 && layout.excluded[i - 1]! >= atom)) refuse("layout.excluded: wrong atoms");
  });
  const domains = new Set<string>();
  for (const { member } of opened.cohort) {
    const unit = layout.units[member];
    if (unit === undefined) refuse(`layout.units: nothing about ${member}`);
    if (unit.kind === "provider" || layout.sharedUnitDomains) continue;
    if (unit.domain === undefined) refuse(`layout.units: ${member} declares no unit domain`);
    if (domains.has(unit.domain)) refuse(`layout.units: two assets draw their units from ${unit.domain}`);
    domains.add(unit.domain);
  }
  // Without counts the exception could not be tested against U.
  if (layout.sharedUnitDomains && opened.cells.mode === "registry") {
    refuse("layout.sharedUnitDomains: needs counted mode");
  }
}
