/**
 * Tokens of persons: each follows from the node's own token and the person's name, opens the routes of what the
 * configuration names that person for, and ends when the name is taken out of it. HMAC-SHA-256 (RFC 2104).
 */
import { createHmac, timingSafeEqual } from "node:crypto";

export const PERSON_ROLES = ["reviewers", "stewards"] as const;
export type PersonRole = (typeof PERSON_ROLES)[number];
export type People = Readonly<Record<PersonRole, readonly string[]>>;

/** Everybody that a configuration names, by what they are named for. */
export const peopleOf = ({ reviewers = [], stewards = [] }: Partial<People>): People => ({ reviewers, stewards });
export const everybody = (people: People): readonly string[] => PERSON_ROLES.flatMap((role) => people[role]);

const DOMAIN = "sealane/person/v1";
const FORM = /^([a-z0-9][a-z0-9-]{0,39})\.[A-Za-z0-9_-]{43}$/;

export const personToken = (token: string, person: string): string =>
  `${person}.${createHmac("sha256", token).update(`${DOMAIN}\n${person}`).digest("base64url")}`;

/** The person whose token it is; undefined for anything else. */
export function personOf(given: string, token: string, people: readonly string[]): string | undefined {
  const person = FORM.exec(given)?.[1];
  if (person === undefined || !people.includes(person)) return undefined;
  const expected = Buffer.from(personToken(token, person));
  const got = Buffer.from(given);
  return got.length === expected.length && timingSafeEqual(got, expected) ? person : undefined;
}
