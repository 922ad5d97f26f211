/** Deadlines in working days, by the civil calendar of China (UTC+8, no summer time). */

export interface WorkCalendar {
  /** Days off that would be working days, as YYYY-MM-DD. */
  readonly holidays: ReadonlySet<string>;
  /** Saturdays and Sundays that are worked. */
  readonly workdays: ReadonlySet<string>;
}

const DAY_MS = 86_400_000;
const OFFSET_MS = 8 * 3_600_000;
/** No calendar has so many days off in a row. */
const MOST_DAYS_OFF = 60;

/** The day in China on which an instant (milliseconds since 1970) falls, as its midnight in UTC. */
const dayOf = (instant: number): number => Math.floor((instant + OFFSET_MS) / DAY_MS) * DAY_MS;
const dateOf = (day: number): string => new Date(day).toISOString().slice(0, 10);

function isWorkingDay(day: number, { holidays, workdays }: WorkCalendar): boolean {
  const date = dateOf(day);
  const isWeekend = [0, 6].includes(new Date(day).getUTCDay());
  return isWeekend ? workdays.has(date) : !holidays.has(date);
}

/**
 * The last instant (UTC with Z) of the n-th working day after the day of `since`, which itself does not count. A year that
 * the calendar does not list has weekends alone. Throws RangeError for an instant that does not exist.
 */
export function endOfWorkingDay(since: string, days: number, calendar: WorkCalendar): string {
  const start = Date.parse(since);
  if (Number.isNaN(start)) throw new RangeError(`since: no such instant ${since}`);
  let day = dayOf(start);
  for (let left = days, off = 0; left > 0 && off < MOST_DAYS_OFF; ) {
    day += DAY_MS;
    if (isWorkingDay(day, calendar)) {
      left -= 1;
      off = 0;
    } else off += 1;
  }
  return new Date(day + DAY_MS - OFFSET_MS - 1).toISOString();
}
