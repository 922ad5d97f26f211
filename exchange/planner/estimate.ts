/** Bytes and processor seconds of one run of secure aggregation, before it runs. Nobody drops out. */
import { sealedBytes } from "../../crypto/he/ciphertexts.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import { NEIGHBOURS, RIDING_WORDS, TRANSCRIPT_WORDS, twoThirds } from "../../crypto/secagg/constants.ts";
import type { SuiteId } from "../../crypto/suites/suite.ts";
import {
  CELL_SECONDS,
  FIXED_BYTES,
  MASK_SECONDS,
  MESSAGE_BYTES,
  SEALING_SECONDS,
  SUITE_SECONDS,
  WORD_SECONDS,
} from "./costs.ts";

export interface RunShape {
  readonly suite: SuiteId;
  readonly cells: "registry" | "counted";
  readonly members: number;
  readonly atoms: number;
  /** Of phase 2. */
  readonly words: number;
  /** Parameter set of a homomorphic envelope. */
  readonly parameters?: string;
  /** Characters of the documents that C, R and every member get: query, layout, policies. */
  readonly documents: number;
  /** Characters of what the requester agreed on with all providers, which R gets beside them. */
  readonly terms: number;
}

export interface Estimate {
  /** Bodies of messages between nodes. */
  readonly bytes: {
    /** Of one member. */
    readonly member: { readonly sent: number; readonly received: number };
    /** What R gets: documents and transcript. */
    readonly receiver: number;
    readonly total: number;
  };
  /** Of processors. */
  readonly seconds: { readonly member: number; readonly total: number };
}

const base64 = (bytes: number): number => Math.ceil((bytes * 4) / 3);

/** `speed`: seconds that this machine takes for one of the machine that the figures are from. */
export function estimateRun(shape: RunShape, speed: number): Estimate {
  const { members, documents, terms } = shape;
  const member = { sent: Math.round(sentBytes(shape)), received: Math.round(receivedBytes(shape)) };
  const receiver = Math.round(documents + terms + transcriptBytes(shape));
  const total = members * (member.sent + member.received) + receiver + documents;
  const seconds = speed * secondsOf(shape);
  return { bytes: { member, receiver, total }, seconds: { member: seconds / members, total: seconds } };
}

const phases = ({ cells }: RunShape): number => (cells === "counted" ? 2 : 1);
/** Whom a member keeps shares for: itself and its neighbours. */
const holders = ({ members }: RunShape): number => Math.min(members, NEIGHBOURS + 1);
/** Seeds that a member gives, and gets, on average. */
const seeds = (shape: RunShape): number => (phases(shape) * (holders(shape) - 1)) / 2;
const countWords = ({ cells, atoms }: RunShape): number => (cells === "counted" ? 2 * atoms : 0);

/** Of one contribution to phase 2, as a text. */
function valueBytes({ words, parameters }: RunShape): number {
  return base64(parameters === undefined ? 8 * words : sealedBytes(parametersNamed(parameters), words));
}

function sentBytes(shape: RunShape): number {
  const { keys, share, seed } = MESSAGE_BYTES[shape.suite];
  const { accept, contribution, shares, unmask, unmaskShare, view, viewTag } = FIXED_BYTES;
  const kept = holders(shape);
  const round = contribution + view + unmask + kept * (viewTag + unmaskShare);
  const setup = keys + shares + kept * share + seeds(shape) * seed + accept;
  return setup + phases(shape) * round + base64(8 * countWords(shape)) + valueBytes(shape);
}

function receivedBytes(shape: RunShape): number {
  const { members, documents } = shape;
  const { keys, box, seed } = MESSAGE_BYTES[shape.suite];
  const { answer, envelope, pathStep, receipt, reveal, shownView } = FIXED_BYTES;
  const kept = holders(shape);
  const keyset = members * (keys + (members > kept ? reveal : 0));
  const boxes = kept * (box + pathStep * Math.log2(kept)) + seeds(shape) * seed;
  const round = receipt + twoThirds(members) * shownView;
  const pages = (5 + 3 * phases(shape)) * envelope;
  return documents + keyset + boxes + members * answer + phases(shape) * round + countsBytes(shape) + pages;
}

/** Message 15: every contribution to phase 1, or where those are too many the sum and a fingerprint of each. */
function countsBytes(shape: RunShape): number {
  if (shape.cells === "registry") return 0;
  const { members } = shape;
  const words = countWords(shape);
  const { fingerprint, recovered } = FIXED_BYTES;
  const contributions = members * (recovered + base64(8 * words));
  const folded = members * (recovered + fingerprint) + 2 * base64(8 * words);
  return members * words <= TRANSCRIPT_WORDS ? contributions : folded;
}

function transcriptBytes(shape: RunShape): number {
  const { members, words, parameters } = shape;
  const { accept, contributed, shownView } = FIXED_BYTES;
  const each = MESSAGE_BYTES[shape.suite].keys + contributed + accept;
  const values = members * valueBytes(shape);
  // What does not ride along is fetched as bytes.
  const rides = parameters !== undefined || members * words <= RIDING_WORDS;
  return members * each + (phases(shape) * members * shownView * 2) / 3 + (rides ? values : (values * 3) / 4);
}

function secondsOf(shape: RunShape): number {
  const { atoms, members, parameters, words } = shape;
  const { perMember, perPair } = SUITE_SECONDS[shape.suite][shape.cells];
  const pairs = members * holders(shape);
  const vector = words + countWords(shape);
  return (
    members * (perMember + (parameters === undefined ? 0 : SEALING_SECONDS)) +
    pairs * (perPair + MASK_SECONDS * vector) +
    members * (CELL_SECONDS * atoms + WORD_SECONDS * vector)
  );
}
