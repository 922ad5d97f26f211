/**
 * Requests that somebody still owes an answer on, and who is reminded of them here: a provider of its own assets the day
 * before and when the day is over, a requester when a provider is late, the node that orders the ledger when neither
 * has helped. What was said is on disk, so that a restart does not say it again.
 */
import { type Deadline, deadlinesOf, nextChange, type Standing } from "../../exchange/requests/deadlines.ts";
import type { LifeRecord, RecordStore } from "../../exchange/requests/ports.ts";
import { endOfWorkingDay, type WorkCalendar } from "../../policies/calendar/working-days.ts";
import cn from "../config/calendar-cn.json" with { type: "json" };
import type { NodeConfig } from "../config/node-config.ts";
import type { NodeServices } from "../runtime/services.ts";

/** Requests come in between; what a minute makes of a deadline in days is nothing. */
const LOOK_MS = 15 * 60_000;

interface Said {
  readonly standing: Standing;
  readonly at: string;
}
export interface Owed extends Deadline {
  /** What this node has to do with it. */
  readonly role: "provider" | "requester" | "operator" | "none";
  /** When this node was last reminded of it. */
  readonly remindedAt?: string;
}

export interface RequestDeadlines {
  /** The most urgent first. */
  list(): Promise<readonly Owed[]>;
  start(): void;
  stop(): Promise<void>;
}

type Deps = Pick<NodeServices, "member" | "now" | "alarm" | "log" | "config" | "openStore"> & {
  readonly lives: Pick<RecordStore<LifeRecord>, "entries">;
  readonly sequencer: () => Promise<string>;
};

export function createRequestDeadlines(deps: Deps): RequestDeadlines {
  const { lives, member, now, alarm, log, config } = deps;
  const said = deps.openStore<Said>("request-reminders");
  const key = ({ request, asset }: Deadline) => `${request}/${asset}`;
  let callOff: () => void = () => undefined;
  let looking: Promise<void> = Promise.resolve();
  let isStopped = false;

  async function list(): Promise<readonly Owed[]> {
    const { requests } = config();
    const times = { check: requests.checkDays, answer: requests.answerDays, escalate: requests.escalateDays };
    const calendar = calendarOf(requests.calendar);
    const at = now();
    const operator = await deps.sequencer();
    const found: Owed[] = [];
    for await (const [, { life }] of lives.entries()) {
      for (const one of deadlinesOf(life, times, calendar, at)) {
        const remindedAt = (await said.get(key(one)))?.at;
        found.push({
          ...one,
          role: roleIn(one, member, operator),
          ...(remindedAt === undefined ? {} : { remindedAt }),
        });
      }
    }
    return found.toSorted((a, b) => (a.due < b.due ? -1 : 1));
  }

  async function remind(one: Owed): Promise<void> {
    if (!isToldHere(one) || (await said.get(key(one)))?.standing === one.standing) return;
    const { request, asset, standing, due, role } = one;
    log.warn({ request, asset, standing, due, role }, "a request waits for an answer");
    await said.put(key(one), { standing, at: now() });
  }

  /** What is over is forgotten with its reminders. */
  async function look(): Promise<void> {
    const owed = await list();
    for (const one of owed) await remind(one);
    const open = new Set(owed.map(key));
    for await (const [id] of said.entries()) if (!open.has(id)) await said.delete(id);
    const next = nextChange(owed, now()) ?? Number.POSITIVE_INFINITY;
    wakeAt(Math.min(next, Date.parse(now()) + LOOK_MS));
  }
  function wakeAt(at: number): void {
    if (!isStopped) callOff = alarm(at, () => void run());
  }
  function run(): Promise<void> {
    looking = look().catch((error: unknown) => {
      log.warn({ err: error }, "requests: deadlines are not looked at; trying again");
      wakeAt(Date.parse(now()) + LOOK_MS);
    });
    return looking;
  }

  return Object.freeze({
    list,
    start: () => void run(),
    async stop() {
      isStopped = true;
      callOff();
      await looking;
      callOff();
    },
  });
}

const roleIn = ({ asset, requester }: Deadline, member: string, operator: string): Owed["role"] => {
  if (asset.startsWith(`${member}:`)) return "provider";
  if (requester === member) return "requester";
  return operator === member ? "operator" : "none";
};

const TOLD: Readonly<Record<Owed["role"], readonly Standing[]>> = {
  provider: ["reminded", "overdue", "escalated"],
  requester: ["overdue", "escalated"],
  operator: ["escalated"],
  none: [],
};
const isToldHere = ({ role, standing }: Owed): boolean => TOLD[role].includes(standing);

/** Last instant to appeal against a refusal of then. */
export function appealEndOf({ requests }: Pick<NodeConfig, "requests">): (refusedAt: string) => string {
  const calendar = calendarOf(requests.calendar);
  return (refusedAt) => endOfWorkingDay(refusedAt, requests.appealDays, calendar);
}

const calendarOf = ({ use, holidays, workdays }: NodeConfig["requests"]["calendar"]): WorkCalendar => {
  const base = use === "CN" ? cn : { holidays: [], workdays: [] };
  return { holidays: new Set([...base.holidays, ...holidays]), workdays: new Set([...base.workdays, ...workdays]) };
};
