/** The lock file pins contents by digest and names no download address, so it works behind any registry mirror. */
import type { Check, Finding } from "./finding.ts";
import { readText } from "./source-files.ts";

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

/** Built for other machines than the one that wrote the lock file, which never saw its contents. */
const isForeign = ({ optional, os, cpu }: LockedPackage): boolean => optional === true && (os ?? cpu) !== undefined;

export function lockFindings(text: string): readonly Finding[] {
  const lock: { packages?: Record<string, LockedPackage> } = JSON.parse(text);
  const where = "package-lock.json";
  const findings: Finding[] = [];
  for (const [name, entry] of Object.entries(lock.packages ?? {})) {
    const { resolved, integrity, link } = entry;
    if (resolved !== undefined && /^[a-z+]+:/i.test(resolved)) {
      findings.push({
        where,
        what: `${name}: "resolved" names a download address; set omit-lockfile-registry-resolved`,
      });
    }
    if (name !== "" && link !== true && integrity === undefined && !isForeign(entry)) {
      findings.push({ where, what: `${name}: no "integrity" digest; run npm install again` });
    }
  }
  return findings;
}

export const lockFile: Check = async (root) => {
  const text = await readText(root, "package-lock.json");
  return { findings: lockFindings(text), summary: `${text.split('"integrity"').length - 1} packages` };
};
