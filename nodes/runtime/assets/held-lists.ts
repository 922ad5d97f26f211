/**
 * Lists of ids as sets in memory: read from disk when somebody asks for them, kept up to date by whoever writes them,
 * within a budget of bytes; those that were asked for the longest ago go first. The ids themselves stay, once each.
 */
import { createIdOrder } from "../../../exchange/catalog/id-order.ts";
import { bytesOf, type NumberSet, setOf, withNumber, withoutNumber } from "../../../exchange/catalog/number-set.ts";

const READ_AT_ONCE = 1_000;

export function createHeldLists(options: {
  /** Ids of one list, ascending, beyond one of them or from the beginning. */
  readonly read: (list: string, after: string | undefined, limit: number) => Promise<readonly string[]>;
  readonly bytes: number;
}) {
  const order = createIdOrder();
  const held = new Map<string, NumberSet>();
  const loading = new Map<string, Promise<NumberSet>>();
  let bytes = 0;
  /** Another number after every change. */
  let state = 0;

  const costOf = (list: string, set: NumberSet) => bytesOf(set) + 2 * list.length;

  function put(list: string, set: NumberSet): void {
    const before = held.get(list);
    if (before !== undefined) bytes -= costOf(list, before);
    held.set(list, set);
    bytes += costOf(list, set);
    for (const [oldest, one] of held) {
      if (bytes <= options.bytes) return;
      held.delete(oldest);
      bytes -= costOf(oldest, one);
    }
  }

  async function load(list: string): Promise<NumberSet> {
    const from = state;
    const numbers: number[] = [];
    for (let after: string | undefined; ; ) {
      const ids = await options.read(list, after, READ_AT_ONCE);
      order.add(ids);
      for (const id of ids) numbers.push(order.numberOf(id)!);
      after = ids.at(-1);
      if (ids.length < READ_AT_ONCE) break;
    }
    const set = setOf(Uint32Array.from(numbers).sort(), order.size());
    if (state === from) put(list, set);
    return set;
  }

  return Object.freeze({
    order,
    /** Good while nobody writes, and before and after are the same state: the caller looks. */
    async get(list: string): Promise<NumberSet> {
      const known = held.get(list);
      if (known !== undefined) {
        held.delete(list);
        held.set(list, known);
        return known;
      }
      const key = `${state}|${list}`;
      const started = loading.get(key) ?? load(list).finally(() => loading.delete(key));
      loading.set(key, started);
      return await started;
    },
    /** This id is in `after` now, and was in `before`. */
    change(id: string, before: readonly string[], after: readonly string[]) {
      state += 1;
      order.add([id]);
      const number = order.numberOf(id)!;
      for (const list of before) {
        const set = after.includes(list) ? undefined : held.get(list);
        if (set !== undefined) put(list, withoutNumber(set, number));
      }
      for (const list of after) {
        const set = held.get(list);
        if (set !== undefined) put(list, withNumber(set, number, order.size()));
      }
    },
    /** Nobody knows what was written. */
    forget() {
      state += 1;
      held.clear();
      bytes = 0;
    },
  });
}
