/**
 * The latest cosignature of each member that reached this node while it sequences. Kept in memory for the member
 * itself: after a start it asks how far it had signed, to find out that its own store was rolled back.
 */
export interface CosignedNotes {
  /** `note` comes from the member itself; only that member is ever shown it, and checks it. */
  keep(member: string, note: string): void;
  of(member: string): string | undefined;
}

/** A checkpoint with one signature line is far shorter. */
const MAX_NOTE_CHARACTERS = 4_096;

export function createCosignedNotes(): CosignedNotes {
  const notes = new Map<string, string>();
  return Object.freeze({
    keep(member: string, note: string) {
      if (note.length <= MAX_NOTE_CHARACTERS) notes.set(member, note);
    },
    of: (member: string) => notes.get(member),
  });
}
